// A Chromium with WebGPU: which one, how to get one, how to start it.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge']
const places = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
]

/** Playwright's own download, if it is there. Only callable once the packages are installed. */
async function playwrightBrowser() {
  try {
    const { chromium } = await import('playwright')
    const path = chromium.executablePath()
    return path && existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** Path of a Chromium on this machine: FORETOKEN_CHROMIUM, the PATH, the usual places, Playwright's. */
export async function findBrowser() {
  return process.env.FORETOKEN_CHROMIUM || findProgram(names, places) || (await playwrightBrowser())
}

/** The first that is there: by these names on the PATH, then at these places. */
export function findProgram(names, places) {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap(folder => names.map(name => join(folder, name)))
  return [...onPath, ...places].find(path => existsSync(path))
}

function run(command, args) {
  process.stderr.write(`  $ ${command} ${args.join(' ')}\n`)
  // Children write to stderr: stdout carries only the result.
  return (
    spawnSync(command, args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' }).status === 0
  )
}

/** Finds a Chromium or brings one: Playwright's download, else apt-get as root on Debian. */
export async function ensureBrowser() {
  const found = await findBrowser()
  if (found) return found
  process.stderr.write('No Chromium found: trying Playwright’s download.\n')
  if (run('npx', ['playwright', 'install', 'chromium'])) {
    const path = await playwrightBrowser()
    if (path) return path
  }
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.stderr.write('Playwright’s download failed: installing Debian’s chromium package.\n')
    run('apt-get', ['update'])
    if (run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'])) return findBrowser()
  }
  throw new Error('No Chromium: install Chrome or Chromium, or set FORETOKEN_CHROMIUM to its path.')
}

const quiet = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

/** True where Chromium can use a real GPU for WebGPU. FORETOKEN_ADAPTER=gpu|software decides otherwise. */
export function hasGpu() {
  if (process.env.FORETOKEN_ADAPTER) return process.env.FORETOKEN_ADAPTER === 'gpu'
  if (process.platform !== 'linux') return true
  if (existsSync('/dev/dri') || existsSync('/dev/dxg')) return true
  try {
    execFileSync('nvidia-smi', ['-L'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * Chromium's arguments for WebGPU. SwiftShader is forced where there is no GPU, and only there.
 * `webgpu: false` starts a browser that offers no adapter.
 */
export function launchArgs({ software = !hasGpu(), webgpu = true } = {}) {
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  if (!webgpu) return [...root, ...quiet]
  const adapter = software
    ? ['--use-webgpu-adapter=swiftshader']
    : process.platform === 'linux'
      ? ['--enable-features=Vulkan', '--use-angle=vulkan', '--ignore-gpu-blocklist']
      : []
  return [...root, ...quiet, '--enable-unsafe-webgpu', ...adapter]
}
