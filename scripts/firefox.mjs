// A Firefox with WebGPU: which one, how to start it. Playwright drives only builds of its own, so pages talk to us by HTTP.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { findProgram } from './browser.mjs'

const names = ['firefox', 'firefox-esr', 'firefox-nightly', 'firefox.exe']
const places = [
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
]

const preferences = {
  // Where it is not on by default, and on software adapters: Linux needs Mesa's llvmpipe.
  'dom.webgpu.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
  // Nothing but our page.
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
}

/** Path of a Firefox on this machine: FORETOKEN_FIREFOX, the PATH, the usual places. */
function findFirefox() {
  const found = process.env.FORETOKEN_FIREFOX || findProgram(names, places)
  if (!found) throw new Error('No Firefox: install one, or set FORETOKEN_FIREFOX to its path.')
  return found
}

/** Opens an address without a window, in a profile of its own. */
export function openFirefox(url) {
  const path = findFirefox()
  const profile = mkdtempSync(join(tmpdir(), 'foretoken-firefox-'))
  const lines = Object.entries(preferences).map(each => `user_pref(${each.map(x => JSON.stringify(x))});\n`)
  writeFileSync(join(profile, 'user.js'), lines.join(''))
  const child = spawn(path, ['--headless', '--no-remote', '--profile', profile, url], {
    stdio: 'ignore',
    // As root it refuses a home that is somebody else's.
    env: { ...process.env, HOME: profile },
  })
  const ended = new Promise(resolve => child.on('close', resolve).on('error', resolve))
  async function close() {
    child.kill()
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  return { ended, close }
}
