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
const SLOWDOWN_WALK = 0.008

export class CostModel {
  readonly target = new CostCurve()
  readonly draft = new CostCurve()
  /** The same steps in the eyes of SmartSpec, for its policy. */
  readonly latency = new LatencyModel()
  #logSlowdown = 0
  #slowdownVariance = SLOWDOWN_WALK

  observeStep({ targetPass: { rows, samples }, draftPasses }: Step, stepMs: number): void {
    if (rows.length !== samples.length || rows.some(row => row.sequence.request.scoreOnly)) return
    if (!(stepMs > 0) || !Number.isFinite(stepMs)) return
    const draftRows = draftPasses.map(pass => pass.rows.length)
    if (draftRows.length === 0) this.latency.observe(rows.length, numContext(rows), stepMs)
    if (this.#startCurves(rows.length, draftRows, stepMs)) return
    const parts = [
      { curve: this.target, rows: rows.length, ms: this.target.at(rows.length) },
      ...[...new Set(draftRows)].map(numRows => ({
        curve: this.draft,
        rows: numRows,
        ms: this.draft.at(numRows) * draftRows.filter(other => other === numRows).length,
      })),
    ]
    const expected = parts.reduce((sum, { ms }) => sum + ms, 0)
    const surprise = Math.log(stepMs / expected) - this.#logSlowdown
    this.#slowdownVariance += SLOWDOWN_WALK
    // How much of each part's variance shows in the step's logarithm: its share of the time, squared.
    const shares = parts.map(({ curve, rows: numRows, ms }) => ({
      share: ms / expected,
      variance: curve.variance(numRows),
    }))
    const variance = shares.reduce(
      (sum, part) => sum + part.share ** 2 * part.variance,
      this.#slowdownVariance + noiseOf(surprise),
    )
    for (const [i, { curve, rows: numRows }] of parts.entries()) {
      curve.correct(numRows, surprise, (shares[i]!.share * shares[i]!.variance) / variance)
    }
    const gain = this.#slowdownVariance / variance
    this.#logSlowdown += gain * surprise
    this.#slowdownVariance *= 1 - gain
  }

  /** With nothing measured at load, the first steps stand for themselves. True if this one did. */
  #startCurves(numRows: number, draftRows: readonly number[], stepMs: number): boolean {
    if (draftRows.length === 0) {
      if (this.target.measured) return false
      this.target.observe(numRows, stepMs)
      return true
    }
    if (!this.target.measured) return true
    if (this.draft.measured) return false
    // A pass cannot cost nothing, however the noise fell.
    const draftMs = Math.max(stepMs - this.target.at(numRows), stepMs / 100)
    this.draft.observe(draftRows.at(-1)!, draftMs / draftRows.length)
    return true
  }
}

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
