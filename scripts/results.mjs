// Writes the README's results out of results/*/*.json, the files that `npm run bench -- SUITE --json FILE` made.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

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
  const formats = [...new Set(result.rows.map(row => row.format))]
  const rows = formats.map(format => {
    const own = result.rows.filter(row => row.format === format)
    return [
      format,
      sum(own, 'runs'),
      sum(own, 'value'),
      sum(own, 'num_draft_tokens'),
      sum(own, 'num_accepted_tokens'),
    ]
  })
  return [
    `**Exactness** (\`npm run bench -- exactness\`; ${source(result)}): ids with speculation against ids without, over`,
    `${new Set(result.rows.map(row => row.mode)).size} modes, temperature 0 and 0.8, alone and in company.\n`,
    table(['weights', 'runs', 'mismatched', 'drafted tokens', 'accepted'], rows),
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
    `\nA plain step is ${value(models[0], 'off', 'dispatches_per_token')} dispatches and`,
    `${value(models[0], 'off', 'creates_per_step')} create calls, and spends ${Math.min(...share)} to ${Math.max(...share)} % of its time outside the GPU.`,
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
    'against the model’s own probabilities. The biased acceptance is there to be caught.\n',
    table(['mode', 'samples', 'p'], rows),
  ].join('\n')
}

const blocks = readdirSync(folder).flatMap(device =>
  [exactness, decode, distribution].map(block => block(device)),
)
const readme = join(root, 'README.md')
const text = readFileSync(readme, 'utf8')
const begin = text.indexOf('\n', text.indexOf('<!-- results:')) + 1
const end = text.indexOf('<!-- /results -->')
writeFileSync(readme, `${text.slice(0, begin)}${blocks.join('\n\n')}\n${text.slice(end)}`)
