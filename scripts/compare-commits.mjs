// Decode speed of the bundled target at another commit and here, in alternation: what disturbs the machine disturbs both.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { BadFlag, parseFlags } from '../e2e/cli/bad-flag.mjs'
import { root, runMain } from './setup.mjs'

const help = `node scripts/compare-commits.mjs REV [flags]

  REV          a commit; it is checked out and set up in a folder that is removed afterwards
  --rounds N   runs of each, in alternation; default 5
  --json FILE  writes { suite, adapter, date, rows } to FILE

Tokens per second of the bundled model from the first token on: 128 tokens, greedy, without speculation.
`

/** A prompt without a space needs no quotes in any shell. */
const request = [
  ...['--prompt', 'Once'],
  ...['--speculation', 'off', '--temperature', '0', '--max-tokens', '128', '--json'],
]
/** The first run of a checkout meets cold caches. */
const numWarmUps = 1

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

function npm(folder, args) {
  const { status, stdout } = spawnSync('npm', args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${folder}: see above.`)
  return stdout
}

function measure({ folder, speeds }, isWarmUp) {
  const { tokens, timings, adapter } = JSON.parse(
    npm(folder, ['run', '--silent', 'generate', '--', ...request]),
  )
  const speed = (1000 * (tokens.length - 1)) / (timings.generateMs - timings.firstTokenMs)
  if (!isWarmUp) speeds.push(speed)
  return adapter
}

function report(checkouts, ratio) {
  for (const { commit, speeds } of checkouts) {
    const [low, high] = [Math.min(...speeds), Math.max(...speeds)].map(speed => speed.toFixed(1))
    process.stdout.write(`${commit}: ${median(speeds).toFixed(1)} tokens/s (${low} to ${high})\n`)
  }
  process.stdout.write(`${ratio.toFixed(3)} x\n`)
}

function rowsOf(checkouts, ratio) {
  const about = { name: 'compare_commits', model: 'bundled' }
  const rows = checkouts.map(({ commit, speeds }) => ({
    ...about,
    metric: 'tokens_per_s',
    value: median(speeds),
    unit: 'tokens/s',
    commit,
    speeds,
  }))
  const [before, after] = checkouts.map(({ commit }) => commit)
  return [...rows, { ...about, metric: 'ratio', value: ratio, unit: 'x', before, after }]
}

function readFlags() {
  const { values, positionals } = parseFlags({
    args: process.argv.slice(2),
    options: {
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const rounds = Number(values.rounds)
  if (values.help) return { help: true }
  if (positionals.length !== 1) throw new BadFlag('One REV is needed.')
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new BadFlag(`--rounds is '${values.rounds}'; allowed: 1, 2, …`)
  return { rev: positionals[0], rounds, json: values.json }
}

function compare({ rev, rounds, json }) {
  const before = git('rev-parse', '--verify', `${rev}^{commit}`)
  const isChanged = git('status', '--porcelain') !== ''
  const folder = join(mkdtempSync(join(tmpdir(), 'foretoken-compare-')), 'checkout')
  try {
    git('worktree', 'add', '--detach', folder, before)
    const checkouts = [
      { folder, commit: before, speeds: [] },
      { folder: root, commit: git('rev-parse', 'HEAD') + (isChanged ? ' with changes' : ''), speeds: [] },
    ]
    for (const checkout of checkouts) npm(checkout.folder, ['run', '--silent', 'setup'])
    let adapter
    for (let round = -numWarmUps; round < rounds; round++) {
      for (const checkout of checkouts) adapter = measure(checkout, round < 0)
    }
    const ratio = median(checkouts[1].speeds) / median(checkouts[0].speeds)
    report(checkouts, ratio)
    const result = { suite: 'compare-commits', adapter, date: new Date().toISOString() }
    if (json)
      writeFileSync(json, `${JSON.stringify({ ...result, rows: rowsOf(checkouts, ratio) }, null, 2)}\n`)
  } finally {
    spawnSync('git', ['worktree', 'remove', '--force', folder], { cwd: root, stdio: 'ignore' })
    rmSync(join(folder, '..'), { recursive: true, force: true })
  }
}

await runMain(() => {
  const flags = readFlags()
  if (flags.help) process.stdout.write(help)
  else compare(flags)
})
