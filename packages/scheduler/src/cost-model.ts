/**
 * What a step costs on this device, in ms: by rows of the target pass (submit to verdict, so that the fixed cost is
 * inside) and by rows of a draft pass. Measured at load, refined by live steps.
 *
 * A live step is one number with several causes: its target rows, its draft passes, and how much slower than usual the
 * device is just now (other work, heat, a longer context), which falls on all steps alike and must not be learnt as the
 * price of the rows that happened to run. A Kalman filter over the logarithms shares a surprise among them by how
 * uncertain each is: a cell that was seen a moment ago does not explain it, one that was not seen for long does. The
 * tables stay in ms of the device as it was measured: choices depend on how costs compare.
 */
import { CostCurve, noiseOf } from './cost-curve'
import { LatencyModel } from './latency-model'
import type { Sequence } from './sequence'
import type { Step } from './step'

export type { CostTable } from './cost-curve'

/** Variance that a step adds to the logarithm of the slowdown. */
const SLOWDOWN_WALK = 0.02

export class CostModel {
  readonly target = new CostCurve()
  readonly draft = new CostCurve()
  /** The same steps in the eyes of SmartSpec, for its policy. */
  readonly latency = new LatencyModel()
  #logSlowdown = 0
  #slowdownVariance = SLOWDOWN_WALK

  observeStep({ targetPass: { rows, samples }, draftPasses }: Step, stepMs: number): void {
    // A draft model that catches up by itself says nothing of a step.
    if (rows.length === 0) return
    if (rows.length !== samples.length || rows.some(row => row.sequence.request.scoreOnly)) return
    if (!(stepMs > 0) || !Number.isFinite(stepMs)) return
    this.target.tick()
    this.draft.tick()
    const draftRows = draftPasses.map(pass => pass.rows.length)
    if (draftRows.length === 0) this.latency.observe(rows.length, numContext(rows), stepMs)
    const parts: Part[] = [{ curve: this.target, rows: rows.length, count: 1 }]
    for (const numRows of new Set(draftRows)) {
      const count = draftRows.filter(other => other === numRows).length
      parts.push({ curve: this.draft, rows: numRows, count })
    }
    const unknown = parts.filter(({ curve, rows: numRows }) => !curve.covers(numRows))
    const ms = stepMs / Math.exp(this.#logSlowdown)
    const rest = parts.reduce((sum, part) => sum + (unknown.includes(part) ? 0 : expectedMs(part)), 0)
    const isNew = unknown.some(({ curve }) => !curve.measured)
    if (unknown.length === 0 || (ms <= rest && !isNew)) this.#share(parts, stepMs)
    else if (unknown.length === 1) {
      const { curve, rows: numRows, count } = unknown[0]!
      // What was never measured explains all that is left; a pass cannot cost nothing, however the noise fell.
      curve.observe(numRows, Math.max(ms - rest, ms / 100) / count)
    }
  }

  #share(parts: readonly Part[], stepMs: number): void {
    const expected = parts.reduce((sum, part) => sum + expectedMs(part), 0)
    const surprise = Math.log(stepMs / expected) - this.#logSlowdown
    this.#slowdownVariance += SLOWDOWN_WALK
    // A part's variance shows in the step's logarithm by its share of the time, squared.
    const shares = parts.map(part => expectedMs(part) / expected)
    const variance = parts.reduce(
      (sum, { curve, rows }, i) => sum + shares[i]! ** 2 * curve.variance(rows),
      this.#slowdownVariance + noiseOf(surprise),
    )
    for (const [i, { curve, rows }] of parts.entries()) curve.learn(rows, surprise, shares[i]!, variance)
    const gain = this.#slowdownVariance / variance
    this.#logSlowdown += gain * surprise
    this.#slowdownVariance *= 1 - gain
  }
}

/** Passes of a step over the same number of rows. */
interface Part {
  curve: CostCurve
  rows: number
  count: number
}

const expectedMs = ({ curve, rows, count }: Part): number => count * curve.at(rows)

/** Positions whose keys and values a pass reads, each sequence's once. */
function numContext(rows: ReadonlyArray<{ sequence: Sequence }>): number {
  let sum = 0
  let last: Sequence | undefined
  for (const { sequence } of rows) {
    if (sequence !== last) sum += sequence.length
    last = sequence
  }
  return sum
}
