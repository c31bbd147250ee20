// Feeds 100,000 broken files of each kind (or as many as the argument says) to the parsers.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { root, runMain } from './setup.mjs'

await runMain(async () => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const env = { ...process.env, FORETOKEN_FUZZ: process.argv[2] ?? '100000' }
  const args = [vitest, 'run', '--project', 'node', 'e2e/fuzz']
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env }).status ?? 1
})
