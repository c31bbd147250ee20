/** How long a step takes on a device that is not there. */
import { CostCurve, type CostTable } from '../cost-curve'
import type { Random } from './random'

/** What a step asks of a device. */
export interface StepLoad {
  /** Rows of the target pass. */
  rows: number
  numSequences: number
  /** Positions whose keys and values the target reads, each sequence's once. */
  numContext: number
  /** Sequences whose drafts are verified, whoever made them. */
  numDrafted: number
  /** Rows of each draft pass. */
  draftRows: readonly number[]
}

export type Device = (load: StepLoad, random: Random) => number

/** Measured tables, as CostModel keeps them. */
export function tableDevice({ target, draft = [] }: { target: CostTable; draft?: CostTable }): Device {
  const targetCurve = new CostCurve()
  const draftCurve = new CostCurve()
  targetCurve.restore(target)
  draftCurve.restore(draft)
  return ({ rows, draftRows }) =>
    targetCurve.at(rows) + draftRows.reduce((sum, drafted) => sum + draftCurve.at(drafted), 0)
}

/**
 * Llama-70B on four H100 (constants that vLLM's AutoTuner fitted, speculation.md 3.3b). Drafting takes 0.04 and the rest of
 * speculation 0.05 of the target's time.
 */
export const llama70bH100: Device = ({ rows, numSequences, numContext, numDrafted }) => {
  const targetMs =
    6.24369264e-5 * numContext +
    6.40216301e-2 * rows -
    3.97382298e-2 * numSequences -
    (numDrafted > 0 ? 1.12291902e-1 : 0) +
    18.34535
  return targetMs * (numDrafted > 0 ? 1.09 : 1)
}

/** A pair of Yan et al. (2402.01528): so many ms for a draft step, so many for the target's, whatever its rows. */
export const pairDevice =
  (draftStepMs: number, targetStepMs: number): Device =>
  ({ draftRows }) =>
    targetStepMs + draftStepMs * draftRows.length

/** Verification as Su et al. (2310.18813) model it: free while memory is what limits, then linear in rows. */
export const rooflineDevice =
  ({ fixedMs, msPerRow, draftStepMs }: { fixedMs: number; msPerRow: number; draftStepMs: number }): Device =>
  ({ rows, draftRows }) =>
    Math.max(fixedMs, msPerRow * rows) + draftStepMs * draftRows.length

/** The bundled model (q8_0) on SwiftShader with the wide draft, as measured for results/swiftshader: ms by rows. */
export const swiftShader: Device = tableDevice({
  target: [
    5.9, 6.9, 8, 9.1, 10.2, 11.3, 13.5, 13.5, 17.9, 19, 21.2, 21.3, 22.4, 23.5, 25.5, 25.5, 29.9, 30.1, 32.2,
    33.2, 34.2, 34.8, 36.4, 36.4, 40.8, 41, 42.9, 43.9, 45.2, 46.3, 48.1, 48.1,
  ].map((ms, i) => ({ rows: i + 1, ms })),
  draft: [
    { rows: 1, ms: 1.75 },
    { rows: 8, ms: 4 },
    { rows: 32, ms: 13 },
  ],
})

export interface Noise {
  /** Relative standard deviation of every step. */
  jitter?: number
  /** Chance that a step is late, and how many times longer it takes then: evenly from a range. */
  lateness?: number
  lateBy?: readonly [from: number, to: number]
}

export const noisy =
  (device: Device, { jitter = 0, lateness = 0, lateBy = [2, 8] }: Noise): Device =>
  (load, random) => {
    const late = random.uniform() < lateness ? lateBy[0] + random.uniform() * (lateBy[1] - lateBy[0]) : 1
    return device(load, random) * late * Math.max(0.5, 1 + jitter * random.normal())
  }
