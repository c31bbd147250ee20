// `npm run bench` with the engine in Node: makes a bench bundle, runs it in a process of its own, removes it.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { ensureBrowser } from '../../scripts/browser.mjs'
import { thisPlatform, writeBenchBundle } from './bench-bundle.mjs'
import { findSwiftShader } from './swiftshader.mjs'

/** Runs one suite; returns the exit code. */
export async function nodeBench({ suite, quick, json, shape, format }) {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-bench-'))
  // Ctrl-C ends the bundle's process; this one still tidies up.
  process.on('SIGINT', () => {})
  try {
    await writeBenchBundle(folder, thisPlatform)
    const run = join(folder, 'run.mjs')
    const named = Object.entries({ json, shape, format }).filter(([, value]) => value !== undefined)
    const flags = named.flatMap(([name, value]) => [`--${name}`, value])
    return await exitOf([run, suite, ...(quick ? ['--quick'] : []), ...flags], await chooseDriver(run))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** On a software adapter too, as in a browser, unless FORETOKEN_ADAPTER=gpu. */
function exitOf(args, env) {
  const allow = process.env.FORETOKEN_ADAPTER === 'gpu' ? [] : ['--allow-software']
  const child = spawn(process.execPath, [...args, ...allow], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (signal) process.stderr.write(`The bench's process was ended by ${signal}.\n`)
      resolve(code ?? 1)
    })
  })
}

/** The user's choice of a driver, else this machine's own, else SwiftShader. Returns variables of the environment. */
async function chooseDriver(run) {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, FORETOKEN_ADAPTER } = process.env
  const chosen = VK_DRIVER_FILES || VK_ICD_FILENAMES
  if (chosen) return say(`GPU driver: ${chosen}, as the environment says.`, {})
  if (FORETOKEN_ADAPTER === 'gpu' || (FORETOKEN_ADAPTER !== 'software' && hasAdapter(run))) {
    return say('GPU driver: this machine’s own.', {})
  }
  const swiftShader = findSwiftShader(await ensureBrowser())
  if (!swiftShader) return say('GPU driver: none, and no Chromium whose SwiftShader would do.', {})
  return say(`GPU driver: Chromium’s SwiftShader, ${swiftShader.VK_ICD_FILENAMES}.`, swiftShader)
}

function say(line, env) {
  process.stderr.write(`${line}\n`)
  return env
}

const hasAdapter = run =>
  spawnSync(process.execPath, [run, '--adapter', '--allow-software'], { stdio: 'ignore' }).status === 0
