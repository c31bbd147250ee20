/** The part of `npm run bench -- exactness` that every change must pass. */
import { describe, expect, it } from 'vitest'
import { measureFormat } from './bench/exactness.bench'
import { adjustedSamplings, plainOf, prompts } from './bench/exactness-cases'
import { ExactnessRig } from './bench/exactness-rig'

const shared = import.meta.env.VITE_SHARED

describe.skipIf(!shared)('speculation changes no id (needs ../shared)', () => {
  const draft = new URL(`${shared}/models/stories40K-f32.gguf`, location.href)

  it.each(['f32'])(
    'with %s weights',
    async format => {
      const model = new URL(`${shared}/models/stories260K-${format}.gguf`, location.href)
      for await (const row of measureFormat(format, model, draft, true)) {
        expect(row, String(row.mode)).toMatchObject({ metric: 'mismatched_runs', value: 0 })
        const drafted = Number(row.num_draft_tokens)
        const accepted = Number(row.num_accepted_tokens)
        const isOff = String(row.mode).endsWith('off')
        if (isOff) expect(drafted).toBe(0)
        else expect(drafted, String(row.mode)).toBeGreaterThan(0)
        if (row.mode === 'always-wrong') expect(accepted).toBe(0)
        else if (!isOff) expect(accepted, String(row.mode)).toBeGreaterThan(0)
        if (/lookup|draft|wrong|random/.test(String(row.mode))) expect(accepted).toBeLessThan(drafted)
        if (!String(row.mode).startsWith('crowd')) continue
        expect(Number(row.num_preemptions), String(row.mode)).toBeGreaterThan(0)
        expect(Number(row.prefix_cache_hits), String(row.mode)).toBeGreaterThan(0)
        expect(row.kv_blocks_left).toBe(0)
      }
    },
    600_000,
  )

  it('penalties and bias do, or comparing them would prove nothing', async () => {
    const model = new URL(`${shared}/models/stories260K-f32.gguf`, location.href)
    const rig = await ExactnessRig.load(model, draft)
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
