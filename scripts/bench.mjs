// Measurements by suite, in a headless browser: see `npm run bench -- --help`.
import process from 'node:process'
import { benchHelp, parseBenchFlags } from '../e2e/cli/bench-flags.mjs'
import { runMain, setup } from './setup.mjs'

await runMain(async () => {
  const flags = parseBenchFlags(process.argv.slice(2))
  if (flags.help) {
    process.stdout.write(benchHelp())
    return 0
  }
  await setup({ browser: true })
  const { bench } = await import('../e2e/cli/bench.mjs')
  return bench(flags)
})
