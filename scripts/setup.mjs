// Brings what a fresh machine lacks: the packages and a Chromium. Says what it does on stderr only.
import { spawnSync } from 'node:child_process'
import { statSync, utimesSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ensureBrowser } from './browser.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** pnpm writes it at the end of an install. */
const installStamp = new URL('../node_modules/.modules.yaml', import.meta.url)
const lockfile = new URL('../pnpm-lock.yaml', import.meta.url)

const modifiedMs = file => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0

function installPackages() {
  if (modifiedMs(installStamp) >= modifiedMs(lockfile)) return
  process.stderr.write('Installing the packages of pnpm-lock.yaml.\n')
  const { status } = spawnSync('npx', ['-y', 'pnpm@12', 'install', '--frozen-lockfile'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
    // Without a terminal pnpm asks before it replaces a folder of packages; CI means yes.
    env: { ...process.env, CI: process.env.CI ?? 'true' },
  })
  if (status !== 0) throw new Error('The packages could not be installed: see above.')
  // pnpm leaves the file alone where nothing was to do.
  const now = new Date()
  utimesSync(installStamp, now, now)
}

/** Ready to run, or an error that says what is missing. */
export async function setup({ browser }) {
  installPackages()
  if (browser) await ensureBrowser()
}

/** Runs a command's main function, which may return an exit code. An error becomes one line on stderr. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = error?.exitCode ?? 1
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    await setup({ browser: true })
    process.stderr.write('Ready.\n')
  })
}
