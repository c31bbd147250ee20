// Where guessing without a model pays, by kind of prompt: writes results/prompt-study.json and prints it as a table.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { gunzipSync } from 'node:zlib'
import { root, runMain, setup } from './setup.mjs'

const paths = {
  tokenizer: 'tokenizers/gpt2/tokenizer.json',
  specBench: 'prompts/spec-bench.jsonl',
  humanEval: 'prompts/HumanEval.jsonl.gz',
}

await runMain(async () => {
  const absent = Object.values(paths).filter(path => !existsSync(join(root, '../shared', path)))
  if (absent.length > 0) {
    process.stderr.write(`Skipped: ../shared lacks ${absent.join(', ')}.\n`)
    return 0
  }
  await setup({ browser: false })
  const { runnerImport } = await import('vite')
  const { module } = await runnerImport(join(root, 'e2e/prompts/prompt-study.ts'), {
    configFile: false,
    logLevel: 'warn',
    root,
    resolve: { conditions: ['foretoken-source', 'module', 'node', 'development'] },
  })
  const read = path => readFileSync(join(root, '../shared', path))
  const study = module.studyFiles({
    tokenizer: JSON.parse(read(paths.tokenizer)),
    specBench: read(paths.specBench).toString('utf8'),
    humanEval: gunzipSync(read(paths.humanEval)).toString('utf8'),
  })
  const file = join(root, 'results/prompt-study.json')
  writeFileSync(file, json(study))
  process.stdout.write(`${table(study.categories)}\n`)
  return 0
})

/** A line per category and per run. */
function json({ categories, runs }) {
  const lines = values => values.map(value => JSON.stringify(value, rounded)).join(',\n')
  return `{"categories": [\n${lines(categories)}\n],\n"runs": [\n${lines(runs)}\n]}\n`
}

function rounded(_, value) {
  return typeof value === 'number' ? Number(value.toFixed(4)) : value
}

function table(categories) {
  const depths = Object.keys(categories[0].tokensPerStep)
  const positions = [1, 2, 4, 8]
  const header = [
    'category',
    'drafter',
    'texts',
    'tokens',
    'hit rate',
    'mean match',
    ...positions.map(i => `S(${i})`),
    ...depths.map(depth => `tokens/step @${depth}`),
  ]
  const rows = categories.map(({ category, drafter, answers, halves, tokens, ...figures }) => [
    category,
    drafter,
    halves > 0 ? `${answers} + ${halves} halves` : answers,
    tokens,
    figures.hitRate.toFixed(2),
    figures.meanMatch.toFixed(2),
    ...positions.map(i => figures.survival[i - 1].toFixed(2)),
    ...depths.map(depth => figures.tokensPerStep[depth].toFixed(2)),
  ])
  const line = cells => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}
