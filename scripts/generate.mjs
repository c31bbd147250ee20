// Text from a prompt, in a headless browser: see `npm run generate -- --help`.
import process from 'node:process'
import { generateHelp, parseGenerateFlags } from '../e2e/cli/generate-flags.mjs'
import { runMain, setup } from './setup.mjs'

await runMain(async () => {
  const flags = parseGenerateFlags(process.argv.slice(2))
  if (flags.help) {
    process.stdout.write(generateHelp)
    return 0
  }
  await setup({ browser: true })
  const { generate } = await import('../e2e/cli/generate.mjs')
  return generate(flags)
})
