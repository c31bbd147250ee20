// Writes the benches as a folder that runs elsewhere: see `npm run bench:bundle -- --help`.
import { resolve } from 'node:path'
import process from 'node:process'
import { bundleHelp, parseBundleFlags } from '../e2e/cli/bundle-flags.mjs'
import { runMain, setup } from './setup.mjs'

/** So that a bundle travels easily. */
const MAX_MIB = 64

await runMain(async () => {
  const { help, out, platform } = parseBundleFlags(process.argv.slice(2))
  if (help) {
    process.stdout.write(bundleHelp)
    return 0
  }
  await setup({ browser: false })
  const { writeBenchBundle } = await import('../e2e/cli/bench-bundle.mjs')
  const mib = (await writeBenchBundle(resolve(out), platform)) / 2 ** 20
  process.stdout.write(`${out}: ${mib.toFixed(1)} MiB for ${platform}. There: node run.mjs --help\n`)
  if (mib <= MAX_MIB) return 0
  process.stderr.write(`The bundle is larger than ${MAX_MIB} MiB.\n`)
  return 1
})
