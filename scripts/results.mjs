// Writes the results in README.md and in the model card out of results/*/*.json, the files that
// `npm run bench -- SUITE --json FILE` made, and out of what the models' recipe measured.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { matrixTable } from './matrix-table.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'results')

const readSuite = (device, suite) => JSON.parse(readFileSync(join(folder, device, `${suite}.json`), 'utf8'))

function table(header, rows) {
  const line = cells => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

const source = ({ adapter, commit, date }) =>
  `adapter ${adapter}, commit ${commit.slice(0, 7)}, ${date.slice(0, 10)}`

function exactness(device) {
  const result = readSuite(device, 'exactness')
  const sum = (rows, field) => rows.reduce((total, row) => total + row[field], 0)
  // Small models are many: those of one kind are one line.
  const groupOf = ({ group, format }) => group ?? format
  const groups = [...new Set(result.rows.map(groupOf))]
  const rows = groups.map(format => {
    const own = result.rows.filter(row => groupOf(row) === format)
    return [
      format,
      sum(own, 'runs'),
      sum(own, 'value'),
      sum(own, 'num_draft_tokens'),
      sum(own, 'num_accepted_tokens'),
    ]
  })
  const host = result.host === 'firefox' ? ' --host firefox' : ''
  return [
    `**Exactness** (\`npm run bench -- exactness${host}\`; ${source(result)}): ids with speculation against ids without, over`,
    `${new Set(result.rows.map(row => row.mode)).size} modes, temperature 0 and 0.8, alone and in company.\n`,
    table(['weights', 'runs', 'mismatched', 'drafted tokens', 'accepted'], rows),
  ].join('\n')
}

function kernels(device) {
  const result = readSuite(device, 'kernels')
  const value = (name, metric, own = {}) =>
    result.rows.find(
      row =>
        row.name === name &&
        row.metric === metric &&
        Object.entries(own).every(([key, is]) => row[key] === is),
    )?.value
  const counts = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
  const verifying = result.rows.filter(row => row.name === 'verify_cost' && row.value !== null)
  const kinds = new Map(
    verifying.map(({ format, numerics }) => [`${format} ${numerics}`, { format, numerics }]),
  )
  const costs = [...kinds.values()].map(kind => [
    kind.numerics === 'fast' ? `${kind.format}, fast` : kind.format,
    ...counts.map(rows => value('verify_cost', 'relative_cost', { ...kind, rows })?.toFixed(2) ?? ''),
    value('verify_cost', 'largest_rise', kind)?.toFixed(2).concat(' x') ?? '',
  ])
  const model = 'bundled q8_0'
  const step = metric => value('step', metric, { model })
  return [
    `**Verifying** (\`npm run bench -- kernels\`; ${source(result)}): what a pass of the bundled target costs, by rows, beside`,
    'its fastest single row; and the largest rise from one number of rows to the next, of 1 to 32.\n',
    table(['weights', ...counts, 'largest rise'], costs),
    `\nA plain step of it takes ${step('step_ms').toFixed(1)} ms, ${step('step_over_matmul').toFixed(2)} times what its matrices take by themselves, in`,
    `${step('dispatches')} dispatches and ${step('creates_per_step')} create calls; the CPU needs ${step('encode_ms').toFixed(2)} ms to encode it. A prompt of 512 tokens is`,
    `read ${value('prefill', 'over_decode').toFixed(1)} times as fast as tokens are generated.`,
  ].join('\n')
}

function decode(device) {
  const result = readSuite(device, 'decode')
  const value = (model, speculation, metric) =>
    result.rows.find(r => r.model === model && r.speculation === speculation && r.metric === metric)?.value
  const models = [...new Set(result.rows.map(row => row.model))]
  const modes = ['off', 'lookup', 'draft', 'auto']
  const rows = models.map(model => [
    model,
    ...modes.map(mode => {
      const speed = Math.round(value(model, mode, 'tokens_per_s'))
      return mode === 'off' ? speed : `${speed} (${value(model, mode, 'speed_over_off').toFixed(2)} x)`
    }),
  ])
  const outside = models
    .map(model => value(model, 'off', 'outside_gpu_fraction'))
    .filter(share => share !== undefined)
  const share = outside.map(fraction => Math.round(fraction * 100))
  return [
    `**Decode** (\`npm run bench -- decode\`; ${source(result)}): tokens per second, one request, 200 tokens, greedy;`,
    'lookup and draft at depth 3, draft model stories40K. In brackets: the ratio to off in the same rounds.\n',
    table(['model', ...modes], rows),
    `\nA plain step is ${Math.round(value(models[0], 'off', 'dispatches_per_token'))} dispatches and`,
    `${value(models[0], 'off', 'creates_per_step')} create calls, and spends ${Math.min(...share)} to ${Math.max(...share)} % of its time outside the GPU.`,
  ].join('\n')
}

/** Models of known dimensions, whose drafter knows the answer: the price of verifying alone. */
function shapes(device) {
  const result = readSuite(device, 'shapes')
  const models = [...new Set(result.rows.map(({ model, format }) => `${model} ${format}`))]
  const modes = result.rows.filter(
    row => row.metric === 'speed_over_off' && `${row.model} ${row.format}` === models[0],
  )
  const rows = models.map(model => {
    const own = result.rows.filter(row => `${row.model} ${row.format}` === model)
    const off = own.find(row => row.speculation === 'off')
    const ratios = modes.map(({ depth, acceptance }) => {
      const isMode = row => row.depth === depth && row.acceptance === acceptance
      return own.find(row => row.metric === 'speed_over_off' && isMode(row)).value.toFixed(2)
    })
    return [model, off.value.toFixed(0), ...ratios]
  })
  return [
    `**Large models** (\`npm run bench -- decode --shape\`; ${source(result)}): random weights, one request, greedy, and a drafter on`,
    'the CPU that knows the answer and is right with the given probability: what verifying costs. Speed over off, whose steps,',
    'unlike these, are planned before the last one’s tokens are there.\n',
    table(
      ['model', 'off tokens/s', ...modes.map(({ depth, acceptance }) => `depth ${depth}, p = ${acceptance}`)],
      rows,
    ),
  ].join('\n')
}

function distribution(device) {
  const result = readSuite(device, 'distribution')
  const rows = result.rows.map(({ mode, samples, value }) => [
    mode,
    samples,
    value < 1e-4 ? '< 0.0001' : value.toFixed(3),
  ])
  return [
    `**Distribution** (\`npm run bench -- distribution\`; ${source(result)}): chi-square of the pairs (second, third token)`,
    'against the model’s own probabilities. The modes that are biased or cut for a token are there to be caught.\n',
    table(['mode', 'samples', 'p'], rows),
  ].join('\n')
}

function verification(device) {
  const result = readSuite(device, 'verification')
  const named = name => result.rows.filter(row => row.name === name)
  const kept = named('acceptance').map(row => {
    return `${row.value.toFixed(3)} by ${row.verification} (${row.common_mass.toFixed(3)})`
  })
  const rules = ['shared-noise', 'rejection', 'block']
  const lengths = named('accepted_length')
  const depths = [...new Set(lengths.map(({ depth }) => depth))]
  const perStep = (depth, rule, workload) => {
    const isOwn = row =>
      row.depth === depth && row.verification === rule && (row.workload === workload || !workload)
    const own = lengths.filter(isOwn)
    const sum = field => own.reduce((total, row) => total + row[field], 0)
    return sum('tokens') / sum('steps')
  }
  const row = (depth, workload) => [
    workload ?? 'all',
    depth,
    ...rules.map(rule => perStep(depth, rule, workload).toFixed(2)),
    `${(perStep(depth, 'block', workload) / perStep(depth, 'shared-noise', workload)).toFixed(2)} x`,
  ]
  return [
    `**Verification** (\`npm run bench -- verification\`; ${source(result)}): tokens per step of the bundled pair at temperature 1.`,
    'All: story, chat, edit and extract together; most of these texts the model is sure of, which leaves no rule a choice.\n',
    table(
      ['workload', 'depth', ...rules, 'block over shared-noise'],
      ['story', undefined].flatMap(workload => depths.map(depth => row(depth, workload))),
    ),
    `\nKept of drafts of one token, of random models: ${kept.join(', ')}; in brackets their common mass, 1 - TV(p, q).`,
  ].join('\n')
}

function margins(device) {
  const result = readSuite(device, 'margins')
  const pairs = result.rows.filter(row => row.metric === 'drafts')
  const rows = pairs.map(({ draft, temperature, value: numDrafts }) => {
    const own = result.rows.filter(row => row.draft === draft && row.temperature === temperature)
    const value = metric => own.find(row => row.metric === metric).value
    const range = (name, saves) => {
      const ratios = own.filter(row => row.name === name && row.saves === saves).map(row => row.value)
      return `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} x`
    }
    const losses = ['without', 'with'].map(side => value(`next_draft_log_loss_${side}`).toFixed(3))
    return [
      `${draft}, T = ${temperature}`,
      numDrafts,
      value('own_draft_area_under_curve').toFixed(2),
      losses.join(', '),
      range('plan_with_margins_vs_without'),
      ...['rows', 'passes', 'both'].map(saves => range('cut_vs_best_fixed', saves)),
    ]
  })
  return [
    `**Margins** (\`npm run bench -- margins\`; ${source(result)}): what the gap between a draft’s two best logits is worth. It`,
    'tells which of its own tokens hold (area under the curve), and next to nothing of the draft behind it (nats per token without',
    'and with it; goodput of the plan, over story, chat, edit and extract). Cut: a bound, over the best fixed depth, for drafts cut',
    'by their own margins at the best threshold in hindsight, if cutting took no time and spared the target’s rows, the draft’s',
    'passes, or both.\n',
    table(['draft', 'drafts', 'area', 'log loss', 'plan', 'cut: rows', 'cut: passes', 'cut: both'], rows),
  ].join('\n')
}

function drafts(device) {
  const result = readSuite(device, 'drafts')
  const value = (draft, metric) => result.rows.find(r => r.draft === draft && r.metric === metric)?.value
  const [ranking] = result.rows.filter(row => row.metric === 'perplexity_predicts_speed')
  const list = names => names.join(', ')
  const speed = draft => {
    const {
      value: middle,
      low,
      high,
    } = result.rows.find(r => r.draft === draft && r.metric === 'tokens_per_s')
    return `${middle.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`
  }
  const percent = share => `${share >= 0 ? '+' : ''}${(100 * share).toFixed(1)} %`
  const rows = ranking.bySpeed.map(draft => [
    draft,
    value(draft, 'layers'),
    `${(value(draft, 'parameters') / 1e6).toFixed(2)} M`,
    value(draft, 'perplexity').toFixed(1),
    value(draft, 'draft_step_ms').toFixed(2),
    value(draft, 'target_step_ms').toFixed(1),
    value(draft, 'tar').toFixed(2),
    speed(draft),
    `${value(draft, 'predicted_tokens_per_s').toFixed(1)} (${percent(value(draft, 'prediction_error'))})`,
  ])
  const { depth } = result.rows.find(row => row.metric === 'tar')
  return [
    `**Drafts** (\`npm run bench -- drafts\`; ${source(result)}): the bundled target with each draft at depth ${depth},`,
    `story, chat, edit and extract together. Prediction: TAR / (n * t_draft + t_target). Off: ${speed('off')} tokens/s.\n`,
    table(
      ['draft', 'layers', 'size', 'perplexity', 't_draft ms', 't_target ms', 'TAR', 'tokens/s', 'predicted'],
      rows,
    ),
    `\nBest to worst by perplexity: ${list(ranking.byPerplexity)}; by TAR: ${list(ranking.byTar)}; by speed: ${list(ranking.bySpeed)}.`,
    `Perplexity ${ranking.value === 1 ? 'gives the order of speed here' : 'does not predict speed'}.`,
  ].join('\n')
}

function goodput(device) {
  const result = readSuite(device, 'goodput')
  const named = name => result.rows.filter(row => row.name === name)
  const ratio = ({ value, low, high }) => `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
  const rows = named('goodput_vs_off').map(overOff => {
    const { workload, concurrency } = overOff
    const isOwn = row => row.workload === workload && row.concurrency === concurrency
    const overBest = named('goodput_vs_best_fixed').find(isOwn)
    const off = named('goodput').find(row => isOwn(row) && row.choice === 'off')
    return [workload, concurrency, off.value.toFixed(0), ratio(overOff), ratio(overBest), overBest.best]
  })
  const [tax] = named('off_tax')
  const depths = named('s_opt').map(row => `${row.value} (${row.fitted}) at ${row.batch}`)
  return [
    `**Goodput** (\`npm run bench -- goodput\`; ${source(result)}): the controller beside no speculation and beside the best of`,
    'eight fixed choices and off, which is selected in the other half of the rounds, in tokens per second with so many',
    'requests at once. Each has an engine of its own; they take turns of 0.3 s. In brackets 90 % intervals.\n',
    table(
      ['workload', 'requests', 'off tokens/s', 'auto over off', 'auto over best fixed', 'best fixed'],
      rows,
    ),
    `\nDrafters that are loaded and off: ${ratio(tax)} of the speed without any. Best draft length, measured (and by the fitted`,
    `model), by requests at once: ${depths.join(', ')}.`,
  ].join('\n')
}

function load(device) {
  const result = readSuite(device, 'load')
  const policies = ['off', 'fixed', 'smartspec', 'goodput']
  const value = (load, policy, metric) =>
    result.rows.find(row => row.load === load && row.policy === policy && row.metric === metric).value
  const seconds = ms => (ms / 1000).toFixed(2)
  const loads = [...new Set(result.rows.map(row => row.load))].sort((a, b) => a - b)
  const rows = loads.map(load => [
    load,
    ...policies.map(policy =>
      ['mean_latency_ms', 'p99_latency_ms', 'ttft_ms']
        .map(metric => seconds(value(load, policy, metric)))
        .join(' / '),
    ),
  ])
  const lost = result.rows.filter(row => row.metric === 'lost').reduce((sum, row) => sum + row.value, 0)
  return [
    `**Load** (\`npm run bench -- load\`; ${source(result)}): Poisson arrivals of mixed tasks, by the share of the rate that is`,
    'sustained without speculation. Mean latency / its 99th percentile / median time to the first token, in seconds.',
    `fixed: draft at depth 4. Requests lost: ${lost}.\n`,
    table(['load', ...policies], rows),
  ].join('\n')
}

function fullSize(device) {
  const result = readSuite(device, 'models')
  const names = [...new Set(result.rows.map(row => row.model))]
  const rows = names.map(name => {
    const own = result.rows.filter(row => row.model === name)
    const value = metric => Math.round(own.find(row => row.metric === metric).value)
    const held = ['js_peak_mb', 'page_peak_mb'].map(value)
    return [name, Math.round(own[0].file_mb), ...held, value('seconds'), value('gpu_mb')]
  })
  return [
    `**Models of full size** (\`npm run bench -- models\`; ${source(result)}): random weights, downloaded and run. Held: the most`,
    'that JavaScript held while it loaded, and with the browser’s own buffers, above what was held before. Seconds: until the',
    'engine is ready, kernels compiled and checked.\n',
    table(['model', 'file MB', 'held MB', 'with browser’s', 'seconds', 'GPU MB'], rows),
  ].join('\n')
}

const recipe = JSON.parse(readFileSync(join(root, 'packages/tiny-models/train/results.json'), 'utf8'))

function models() {
  const kilobytes = bytes => `${Math.round(bytes / 1000)} KB`
  const percent = share => `${(100 * share).toFixed(1)} %`
  const names = Object.keys(recipe.models)
  const shapes = names.map(name => {
    const { shape, parameters, bytes } = recipe.models[name]
    const { layers, dim, ffn, heads, kv_heads } = shape
    const size = `${kilobytes(bytes.f16)}, ${kilobytes(bytes.q8_0)}`
    return [name, layers, dim, ffn, `${heads} / ${kv_heads}`, parameters, size]
  })
  const { parameters, bytes } = recipe.heads
  const stages = Object.entries(recipe.training).map(([stage, { steps, seconds, loss }]) => [
    stage,
    steps,
    `${Math.round(seconds / 60)} min`,
    Object.entries(loss)
      .map(([part, value]) => `${part} ${value.toFixed(3)}`)
      .join(', '),
  ])
  const tasks = Object.keys(recipe.models.target.exact_match)
  const scores = names.map(name => {
    const { perplexity, bits_per_byte, exact_match } = recipe.models[name]
    return [name, perplexity, bits_per_byte, ...tasks.map(task => percent(exact_match[task]))]
  })
  const { perplexity, bits_per_byte } = recipe.five_gram
  return [
    table(
      ['model', 'layers', 'width', 'FFN', 'heads / KV', 'parameters', 'f16, q8_0'],
      [...shapes, ['heads', 3, recipe.models.target.shape.dim, '', '', parameters, kilobytes(bytes)]],
    ),
    '',
    table(['training', 'steps', 'time on 2 cores', 'loss, mean of the last 200 steps'], stages),
    '\nLosses: cross-entropy for target and polish, KL divergence from the target for drafts and heads. The drafts are',
    'trained side by side. Other work ran on the machine at the same time.\n',
    table(
      ['model', 'perplexity', 'bits per byte', ...tasks],
      [...scores, ['5-gram (Kneser-Ney)', perplexity, bits_per_byte, ...tasks.map(() => '')]],
    ),
  ].join('\n')
}

function acceptance() {
  const rows = recipe.acceptance.map(row => [
    row.workload,
    row.drafter,
    row.greedy_agreement.toFixed(3),
    row.coverage.toFixed(2),
    row.acceptance_t1.toFixed(3),
    row.common_mass_t1.toFixed(3),
    row.tokens_per_step_depth4.toFixed(2),
  ])
  return [
    '**Acceptance**, along 60 answers of the target for each workload. Greedy agreement: how often the first guess is the',
    'target’s token, where there is a guess (coverage). Acceptance at temperature 1: the same with shared noise, and as the',
    'common mass sum min(p, q). Tokens per step: greedy, depth 4 (heads: 3), the target’s own token included.\n',
    table(
      [
        'workload',
        'drafter',
        'greedy agreement',
        'coverage',
        'acceptance T = 1',
        'min(p, q)',
        'tokens per step',
      ],
      rows,
    ),
  ].join('\n')
}

function write(file, blocks) {
  const text = readFileSync(file, 'utf8')
  const begin = text.indexOf('\n', text.indexOf('<!-- results:')) + 1
  const end = text.indexOf('<!-- /results -->')
  writeFileSync(file, `${text.slice(0, begin)}${blocks.join('\n\n')}\n${text.slice(end)}`)
}

/** Files of results/<folder> that have a table, and what they are headed by. */
const devices = [
  {
    device: 'swiftshader',
    heading: 'Two CPU cores (SwiftShader)',
    suites: {
      exactness,
      kernels,
      decode,
      distribution,
      verification,
      drafts,
      margins,
      goodput,
      load,
      models: fullSize,
    },
  },
  { device: 'firefox', heading: 'Firefox (llvmpipe, two CPU cores)', suites: { exactness } },
  {
    device: 'h100',
    heading: 'NVIDIA H100 (Dawn in Node, Vulkan)',
    suites: {
      exactness,
      kernels: device => [kernels(device), matrixTable(readSuite(device, 'kernels'), table)].join('\n\n'),
      shapes,
    },
  },
]
const blocksOf = ({ device, heading, suites }) => [
  `### ${heading}`,
  ...Object.entries(suites)
    .filter(([suite]) => existsSync(join(folder, device, `${suite}.json`)))
    .map(([, block]) => block(device)),
]
write(join(root, 'README.md'), devices.flatMap(blocksOf))
write(join(root, 'packages/tiny-models/MODEL_CARD.md'), [models(), acceptance(), drafts('swiftshader')])
