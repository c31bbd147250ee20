/**
 * Whether products are those of integers: `numerics: 'fast'`. That changes results, so it must be asked for; and then it is
 * measured on the model's own matrices whether it is faster, and remembered, so that ids stay those of the first visit.
 */
import { hasIntegers, INTEGER_FEATURE } from '@foretoken/shaders'
import { loadSpeedup, saveSpeedup } from './cost-store'
import type { Cut } from './device-profile'
import type { Numerics } from './llama-buffers'
import type { LayerWeights } from './model-weights'
import { type CutTimer, type CutTimes, isFaster, speedupOf } from './tune'
import type { EngineStats } from './types'

export type NumericsInUse = EngineStats['numerics']

/** Measurements of each, in alternation, of which the fastest counts. */
const ROUNDS = 2

export interface NumericsTrial {
  timer: CutTimer
  cut: Cut
  layers: readonly LayerWeights[]
  /** Where the outcome is kept. */
  key: string
  /** Nothing is measured. */
  trustFast?: boolean | undefined
}

export async function chooseNumerics(
  asked: Numerics,
  { timer, cut, layers, key, trustFast }: NumericsTrial,
): Promise<NumericsInUse> {
  if (asked === 'exact') return { used: 'exact', reason: 'asked' }
  if (!hasIntegerProducts()) return { used: 'exact', reason: 'no-feature' }
  const matrices = layers.flatMap(({ gate, up, down }) => [gate, up, down].flatMap(({ parts }) => parts))
  if (!matrices.some(({ format }) => hasIntegers(format))) return { used: 'exact', reason: 'no-integers' }
  if (trustFast) return { used: 'fast', reason: 'asked' }
  const stored = await loadSpeedup(key)
  const speedup = stored ?? (await measure(timer, cut).catch(() => undefined))
  if (speedup === undefined) return { used: 'exact', reason: 'refused' }
  if (stored === undefined) await saveSpeedup(key, speedup)
  return isFaster(speedup)
    ? { used: 'fast', reason: 'faster', speedup }
    : { used: 'exact', reason: 'slower', speedup }
}

/** Whether the WGSL here has products of int8. */
export const hasIntegerProducts = (): boolean =>
  globalThis.navigator?.gpu?.wgslLanguageFeatures?.has(INTEGER_FEATURE) ?? false

async function measure(timer: CutTimer, cut: Cut): Promise<number> {
  const best: Partial<Record<Numerics, CutTimes>> = {}
  for (let round = 0; round < ROUNDS; round++) {
    for (const numerics of ['exact', 'fast'] as const) {
      best[numerics] = faster(await timer.time(cut, numerics), best[numerics])
    }
  }
  timer.clear()
  return speedupOf(best.exact!, best.fast!)
}

const faster = ([one, few, many]: CutTimes, others: CutTimes = [one, few, many]): CutTimes => [
  Math.min(one, others[0]),
  Math.min(few, others[1]),
  Math.min(many, others[2]),
]
