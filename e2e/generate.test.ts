/** The command line, as a user runs it: ids of llama.cpp, help, and plain words for bad flags. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('..', import.meta.url)
const golden = new URL('../../shared/golden/stories260K.json', import.meta.url)

function generate(...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['scripts/generate.mjs', ...flags], { cwd: root, encoding: 'utf8' })
}

describe.skipIf(!existsSync(golden))('npm run generate (needs ../shared)', () => {
  it('prints the ids of llama.cpp, drafting too', () => {
    const { cases } = JSON.parse(readFileSync(golden, 'utf8'))
    const { model, prompt, tokens } = cases[0]
    const models = '../shared/models'
    const { status, stdout } = generate(
      ...['--model', `${models}/${model}`, '--draft', `${models}/stories40K-f32.gguf`],
      ...['--prompt', prompt, '--temperature', '0', '--max-tokens', '64', '--json'],
    )
    expect(status).toBe(0)
    const result = JSON.parse(stdout)
    expect(result.tokens).toEqual(tokens.slice(0, 64))
    expect(result).toMatchObject({
      text: expect.any(String),
      adapter: expect.any(String),
      timings: expect.any(Object),
    })
    expect(result.stats.num_generated_tokens).toBe(64)
  }, 120_000)
})

it('tells a story with the bundled model and its draft, through the chat template', () => {
  const flags = ['--chat', '--prompt', 'Tell me a story about a fox.', '--max-tokens', '32', '--json']
  const { status, stdout } = generate(...flags, '--speculation', 'draft', '--depth', '2')
  expect(status).toBe(0)
  const { text, stats } = JSON.parse(stdout)
  expect(text).toMatch(/^(Once|Long ago|There was).*\bfox\b/)
  expect(stats).toMatchObject({
    model: { name: 'Foretoken Tales target', hasChatTemplate: true },
    draft: { name: 'Foretoken Tales wide' },
  })
  expect(stats.num_accepted_tokens).toBeGreaterThan(0)
}, 120_000)

it('explains itself, and says what is wrong with a flag', () => {
  const help = generate('--help')
  expect(help).toMatchObject({ status: 0, stderr: '' })
  expect(help.stdout).toContain('--speculation')
  const wrong = generate('--prompt', 'x', '--speculation', 'lookup', '--depth', '99')
  expect(wrong).toMatchObject({ status: 2, stdout: '' })
  expect(wrong.stderr).toMatch(/depth.*99/)
}, 60_000)
