/** What `numerics: 'fast'` does to the bundled model: cost of a pass by rows, and what becomes of its probabilities. */
import { Engine } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import { accuracy } from './accuracy'
import type { BenchContext, BenchRow } from './bench-context'
import { ROWS } from './matmul-cost'
import { requantise } from './requantise'
import { type About, type PassTime, relativeCost, timePass } from './verify-cost'

export async function* fastCost({ quick, device }: BenchContext): AsyncGenerator<BenchRow> {
  const models = { q8_0: family.target.q8_0, q4_0: await requantise(family.target.f16, 'q4_0') }
  const profile = !device.isSoftware
  for (const [format, model] of Object.entries(models)) {
    const about = { name: 'verify_cost', unit: 'x', model: 'bundled', format, numerics: 'fast' } as const
    const internals = { skipCalibration: true, profile }
    const chosen = await Engine.load({ model, numerics: 'fast' }, internals)
    const { speedup = null, used, reason } = chosen.stats().numerics
    yield { ...about, name: 'numerics', metric: 'speedup', value: speedup, used, reason }
    // Nothing to measure: there are no integers here.
    if (speedup === null) return chosen.dispose()
    const numerics = used === 'fast' ? 'exact' : 'fast'
    const other = await Engine.load({ model, numerics }, { ...internals, trustFast: true })
    const [exact, fast] = used === 'fast' ? [other, chosen] : [chosen, other]
    yield* costs(about, exact, fast, quick ? 3 : 7)
    yield* accuracy({ ...about, numerics: 'exact' }, exact)
    yield* accuracy(about, fast, exact)
    await exact.dispose()
    await fast.dispose()
  }
}

/** Beside one exact row in the same rounds. */
async function* costs(about: About, exact: Engine, fast: Engine, rounds: number): AsyncGenerator<BenchRow> {
  const single: PassTime[] = []
  const byRows = new Map<number, PassTime[]>(ROWS.map(rows => [rows, []]))
  for (let round = 0; round < rounds; round++) {
    single.push(await timePass(exact, 1))
    for (const [rows, times] of byRows) times.push(await timePass(fast, rows))
  }
  for (const [rows, times] of byRows) yield relativeCost(about, rows, times, single)
}
