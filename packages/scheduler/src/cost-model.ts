/**
 * What a step costs on this device, in ms: by rows of the target pass (submit to verdict, so that the fixed cost is
 * inside) and by rows of a draft pass. Measured at load, refined by live steps.
 */
import { CostCurve } from './cost-curve'
import { LatencyModel } from './latency-model'
import type { Sequence } from './sequence'
import type { Step } from './step'

export type { CostTable } from './cost-curve'

export class CostModel {
  readonly target = new CostCurve()
  readonly draft = new CostCurve()
  /** The same steps in the eyes of SmartSpec, for its policy. */
  readonly latency = new LatencyModel()

  /** Plain decode steps teach what target rows cost; what a drafted step took beyond that, its draft passes did. */
  observeStep({ targetPass: { rows, samples }, draftPasses }: Step, stepMs: number): void {
    if (rows.length !== samples.length || rows.some(row => row.sequence.request.scoreOnly)) return
    const [first, ...rest] = draftPasses
    if (!first) {
      this.target.observe(rows.length, stepMs)
      this.latency.observe(rows.length, numContext(rows), stepMs)
      return
    }
    if (!this.target.measured) return
    // The target pass is part of the step: it cannot have taken longer, whatever the table says.
    if (stepMs < this.target.at(rows.length)) this.target.observe(rows.length, stepMs)
    // A pass cannot cost nothing, however the noise fell.
    const draftMs = Math.max(stepMs - this.target.at(rows.length), stepMs / 100)
    const perPass = first.samples.length
    const average = draftMs / (rest.length + 1)
    const catchesUp = first.rows.length > 2 * perPass
    // A pass over more rows cost no less: after a pause, catching up is all there is to learn from.
    if (!catchesUp || average < this.draft.at(perPass)) this.draft.observe(perPass, average)
    if (catchesUp) this.draft.observe(first.rows.length, draftMs - rest.length * this.draft.at(perPass))
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
