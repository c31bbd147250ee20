/** A bench bundle as its user has it: a folder and Node, with no variable but those that name the GPU's driver. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBrowser } from '../scripts/browser.mjs'
import { findSwiftShader } from './cli/swiftshader.mjs'

const root = new URL('..', import.meta.url)
const swiftShader = findSwiftShader(await findBrowser())
const platform = `${process.platform}-${process.arch}`
const isPossible = swiftShader && existsSync(new URL(`node_modules/webgpu/dist/${platform}`, root))

describe.skipIf(!isPossible)('a bench bundle (needs the SwiftShader of a Chromium)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-bundle-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  function node(script: string, args: string[], env: Record<string, string> = {}) {
    return spawnSync(process.execPath, [script, ...args], { cwd: root, env, encoding: 'utf8' })
  }

  const run = (args: string[], env?: Record<string, string>) => node(join(folder, 'run.mjs'), args, env)

  beforeAll(() => {
    const made = node('scripts/bench-bundle.mjs', ['--out', folder, '--platform', platform], {
      PATH: process.env.PATH!,
    })
    expect(made).toMatchObject({ status: 0, stdout: expect.stringMatching(/: \d+\.\d MiB for/) })
  }, 60_000)

  it('names its adapter, and refuses none and a software one', () => {
    const allowed = run(['--adapter', '--allow-software'], swiftShader)
    expect(allowed).toMatchObject({ status: 0, stdout: expect.stringMatching(/swiftshader/i) })
    const refused = run(['distribution'], swiftShader)
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(refused.stderr).toMatch(/unsupported-device: .*software.*--allow-software/)
    const none = run(['distribution'], { VK_DRIVER_FILES: '/dev/null' })
    expect(none).toMatchObject({ status: 1, stdout: '' })
    expect(none.stderr).toMatch(/unsupported-device: .*VK_DRIVER_FILES/)
  }, 30_000)

  it('measures, and keeps what it has measured at every row', async () => {
    const json = join(folder, 'result.json')
    const readResult = () => JSON.parse(readFileSync(json, 'utf8'))
    const args = [join(folder, 'run.mjs'), 'distribution', '--quick', '--allow-software', '--json', json]
    const child = spawn(process.execPath, args, {
      env: { ...swiftShader },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = once(child, 'exit')
    const [firstRow] = await once(child.stdout!, 'data')
    expect(String(firstRow)).toMatch(/^distribution +p_value .* mode="off"/)
    expect(readResult().rows[0]).toMatchObject({ name: 'distribution', metric: 'p_value', mode: 'off' })
    // The rest of it is measured by a test of its own, in the browser.
    child.kill()
    await ended
    const { rows: _, ...about } = readResult()
    expect(about).toMatchObject({
      suite: 'distribution',
      host: 'node',
      adapter: expect.stringMatching(/swift/i),
    })
    expect(about).toHaveProperty('commit')
  }, 120_000)
})
