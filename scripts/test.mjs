// Runs every check, goes on after a failure, ends with one line of counts on stdout.
// --firefox: the unit tests of a browser alone, in Firefox instead of Chromium.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { root, runMain, setup } from './setup.mjs'

/** Reports of the test runners. */
const reports = mkdtempSync(join(tmpdir(), 'foretoken-test-'))

/** Runs a script of an installed package: whether it succeeded, and what it said unless it is `live`. */
function run(script, args, { cwd = root, env = {}, live = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, script), ...args], {
      cwd,
      stdio: live ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    const said = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', bytes => said.push(bytes))
    child.on('error', reject)
    child.on('close', status => resolve({ isPassed: status === 0, said: Buffer.concat(said) }))
  })
}

const single = ({ isPassed, said }) => ({
  passed: isPassed ? 1 : 0,
  failed: isPassed ? 0 : 1,
  skipped: 0,
  said,
})

/** Counts from a runner's report. A run that fails without a failed test is one failure. */
function counted({ isPassed, said }, file, count) {
  let counts
  try {
    counts = count(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return single({ isPassed: false, said })
  }
  return { ...counts, failed: isPassed ? counts.failed : Math.max(counts.failed, 1), said }
}

/** A test file that failed before its first test. */
const isBroken = ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0

async function unitTests(project, options) {
  const report = join(reports, `${project}.json`)
  const args = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  const result = await run('node_modules/vitest/vitest.mjs', args, options)
  return counted(result, report, ({ testResults, ...counts }) => ({
    passed: counts.numPassedTests,
    failed: counts.numFailedTests + testResults.filter(isBroken).length,
    skipped: counts.numPendingTests + counts.numTodoTests,
  }))
}

async function endToEndTests() {
  const report = join(reports, 'playwright.json')
  const options = { env: { PLAYWRIGHT_JSON_OUTPUT_NAME: report }, live: true }
  const result = await run('node_modules/@playwright/test/cli.js', ['test', '--reporter=list,json'], options)
  return counted(result, report, ({ stats }) => ({
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky,
    skipped: stats.skipped,
  }))
}

const tool = async (...args) => single(await run(...args))
const buildPage = app => tool('node_modules/vite/bin/vite.js', ['build'], { cwd: join(root, 'apps', app) })

/** Unit tests in a browser leave part of a machine idle: the rest goes on beside them. */
const besideTheBrowser = {
  types: () => tool('node_modules/typescript/bin/tsc', ['-p', '.']),
  lint: () => tool('node_modules/@biomejs/biome/bin/biome', ['ci', '.']),
  'build chat': () => buildPage('chat'),
  'build lab': () => buildPage('lab'),
  'build package': () => tool('packages/foretoken/build.mjs', []),
  'unit tests in Node': () => unitTests('node'),
  // With what was built.
  'end to end': endToEndTests,
}
const inTheBrowser = { 'unit tests in the browser': () => unitTests('browser', { live: true }) }
const inFirefox = { 'unit tests in Firefox': () => unitTests('firefox', { live: true }) }

/** One after the other; what was not told live is told when it has ended. */
async function runChecks(checks) {
  const all = []
  for (const [name, check] of Object.entries(checks)) {
    const startMs = performance.now()
    const { said, ...counts } = await check()
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    process.stderr.write(`\n== ${name}\n`)
    process.stderr.write(said)
    process.stderr.write(`== ${name}: ${counts.passed} passed, ${counts.failed} failed, ${seconds} s\n`)
    all.push(counts)
  }
  return all
}

await runMain(async () => {
  const isFirefox = process.argv.includes('--firefox')
  await setup({ browser: !isFirefox })
  try {
    const chains = isFirefox ? [inFirefox] : [besideTheBrowser, inTheBrowser]
    const all = (await Promise.all(chains.map(runChecks))).flat()
    const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map(key =>
      all.reduce((sum, counts) => sum + counts[key], 0),
    )
    process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
    return failed > 0 ? 1 : 0
  } finally {
    rmSync(reports, { recursive: true, force: true })
  }
})
