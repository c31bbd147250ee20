/** The part of `npm run bench -- exactness` that every change must pass. */
import { describe, expect, it } from 'vitest'
import type { BenchRow } from './bench/bench-context'
import { measureFamily, tales } from './bench/exactness.bench'
import { adjustedSamplings, plainOf, prompts } from './bench/exactness-cases'
import { measureModel, modelOfType } from './bench/exactness-models'
import { ExactnessRig, type Mode } from './bench/exactness-rig'
import { smallKernels } from './small-kernels'

const shared = import.meta.env.VITE_SHARED

function check(row: BenchRow): void {
  const mode = String(row.mode)
  expect(row, mode).toMatchObject({ metric: 'mismatched_runs', value: 0 })
  const drafted = Number(row.num_draft_tokens)
  const accepted = Number(row.num_accepted_tokens)
  const isOff = mode.endsWith('off')
  if (isOff) expect(drafted).toBe(0)
  else expect(drafted, mode).toBeGreaterThan(0)
  if (mode === 'always-wrong') expect(accepted).toBe(0)
  else if (!isOff) expect(accepted, mode).toBeGreaterThan(0)
  if (/lookup|draft|heads|cache|wrong|random/.test(mode)) expect(accepted, mode).toBeLessThan(drafted)
}

it('speculation with heads and a second draft changes no id, nor does it under a grammar', async () => {
  // A draft under a grammar in grammars.gpu.test.ts.
  const modes = ['off', 'draft-2@4', 'heads@3', 'heads-tree@16', 'grammar@8']
  const only = ({ name }: Mode) => modes.includes(name)
  for await (const row of measureFamily(tales, true, { only, parts: 'constrained' })) check(row)
}, 600_000)

it('nor does it of a small model of one tensor type', async () => {
  // All types and architectures in the bench; these by themselves in architectures.gpu.test.ts.
  const options = { quick: true, trees: false, deviceProfile: smallKernels }
  for await (const row of measureModel(await modelOfType('q5_k'), options)) {
    const { mode, value, num_draft_tokens: drafted, num_accepted_tokens: accepted } = row
    expect({ mode, value }).toEqual({ mode, value: 0 })
    if (!/^draft/.test(String(mode))) continue
    expect(accepted, String(mode)).toBeGreaterThan(0)
    expect(accepted, String(mode)).toBeLessThan(Number(drafted))
  }
}, 120_000)

describe.skipIf(!shared)('speculation changes no id (needs ../shared)', () => {
  const model = new URL(`${shared}/models/stories260K-f32.gguf`, location.href)
  const draft = new URL(`${shared}/models/stories40K-f32.gguf`, location.href)
  const stories = { format: 'f32', model, drafts: [draft] }

  it('of a model with one draft', async () => {
    // More depths, drafters and crowds in the bench; crowds in batching.gpu.test.ts, the cache in drafters.gpu.test.ts,
    // trees of lookup in architectures.gpu.test.ts.
    const only = ({ name }: Mode) =>
      !/@(1|2|3|8|31)$|draft@16|lookup-tree|cache|always-wrong|random-lengths/.test(name)
    const options = { only, parts: 'endings' } as const
    for await (const row of measureFamily(stories, true, options)) check(row)
  }, 900_000)

  it('penalties and bias do, or comparing them would prove nothing', async () => {
    const rig = await ExactnessRig.load(stories)
    for (const sampling of adjustedSamplings) {
      for (const prompt of prompts) {
        const options = { prompt, maxTokens: 64, ignoreEos: true, speculation: 'off' } as const
        const [adjusted, plain] = [
          await rig.generate({ ...options, ...sampling }),
          await rig.generate({ ...options, ...plainOf(sampling) }),
        ]
        const same = adjusted.tokens.filter((id, i) => id === plain.tokens[i]).length
        expect(same, JSON.stringify(sampling)).toBeLessThan(32)
      }
    }
    await rig.engine.dispose()
  })
})
