// Measurements by suite, in a headless browser or in Node: see `npm run bench -- --help`.
import process from 'node:process'
import { benchHelp, parseBenchFlags } from '../e2e/cli/bench-flags.mjs'
import { benchSuites } from '../e2e/cli/workspace.mjs'
import { runMain, setup } from './setup.mjs'

await runMain(async () => {
  const suites = benchSuites()
  const flags = parseBenchFlags(process.argv.slice(2), suites)
  if (flags.help) {
    process.stdout.write(benchHelp(suites))
    return 0
  }
  if (flags.host !== 'node') {
    await setup({ browser: flags.host === 'browser' })
    const { bench } = await import('../e2e/cli/bench.mjs')
    return bench(flags)
  }
  await setup({ browser: false })
  const { nodeBench } = await import('../e2e/cli/node-bench.mjs')
  return nodeBench(flags)
})
