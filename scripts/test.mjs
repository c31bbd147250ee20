// Runs every check, goes on after a failure, ends with one line of counts on stdout.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { root, runMain, setup } from './setup.mjs'

/** Reports of the test runners. */
const reports = mkdtempSync(join(tmpdir(), 'foretoken-test-'))

/** Runs a script of an installed package; its output goes to stderr. True if it succeeded. */
function runs(script, args, { cwd = root, env = {} } = {}) {
  const { status } = spawnSync(process.execPath, [join(root, script), ...args], {
    cwd,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...env },
  })
  return status === 0
}

const single = isPassed => ({ passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1, skipped: 0 })

/** Counts from a runner's report. A run that fails without a failed test is one failure. */
function counted(isPassed, file, count) {
  let counts
  try {
    counts = count(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return single(false)
  }
  return isPassed ? counts : { ...counts, failed: Math.max(counts.failed, 1) }
}

/** A test file that failed before its first test. */
const isBroken = ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0

function unitTests() {
  const report = join(reports, 'vitest.json')
  const isPassed = runs('node_modules/vitest/vitest.mjs', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  return counted(isPassed, report, ({ testResults, ...counts }) => ({
    passed: counts.numPassedTests,
    failed: counts.numFailedTests + testResults.filter(isBroken).length,
    skipped: counts.numPendingTests + counts.numTodoTests,
  }))
}

function endToEndTests() {
  const report = join(reports, 'playwright.json')
  const isPassed = runs('node_modules/@playwright/test/cli.js', ['test', '--reporter=list,json'], {
    env: { PLAYWRIGHT_JSON_OUTPUT_NAME: report },
  })
  return counted(isPassed, report, ({ stats }) => ({
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky,
    skipped: stats.skipped,
  }))
}

const buildPage = app =>
  single(runs('node_modules/vite/bin/vite.js', ['build'], { cwd: join(root, 'apps', app) }))

const checks = {
  types: () => single(runs('node_modules/typescript/bin/tsc', ['-p', '.'])),
  lint: () => single(runs('node_modules/@biomejs/biome/bin/biome', ['ci', '.'])),
  unit: unitTests,
  'build chat': () => buildPage('chat'),
  'build lab': () => buildPage('lab'),
  'build package': () => single(runs('packages/foretoken/build.mjs', [])),
  'end to end': endToEndTests,
}

function runChecks() {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const [name, check] of Object.entries(checks)) {
    process.stderr.write(`\n== ${name}\n`)
    const startMs = performance.now()
    const counts = check()
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    for (const key of Object.keys(total)) total[key] += counts[key]
    process.stderr.write(`== ${name}: ${counts.passed} passed, ${counts.failed} failed, ${seconds} s\n`)
  }
  return total
}

await runMain(async () => {
  await setup({ browser: true })
  try {
    const { passed, failed, skipped } = runChecks()
    process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
    return failed > 0 ? 1 : 0
  } finally {
    rmSync(reports, { recursive: true, force: true })
  }
})
