/**
 * What a step costs on this device, in ms: a table by rows for the target pass (submit to verdict, so that the
 * fixed cost is inside) and one for a draft pass. Measured at load, refined by live steps (speculation.md 3.8):
 * noise is one-sided, so a cell keeps the minimum of its first samples and then follows slowly.
 */
import type { DraftNet } from './policy'
import type { Step } from './step'

const FIRST_SAMPLES = 6
/** Faster down than up: a step can be late for many reasons, but early for one only. */
const FOLLOW_DOWN = 0.3
const FOLLOW_UP = 0.05
/** A step that took longer than this many times the expected counts as so many. */
const OUTLIER = 2

interface Cell {
  ms: number
  samples: number
}

export type CostTable = Array<{ rows: number; ms: number }>

export class CostCurve {
  readonly #cells = new Map<number, Cell>()
  #sorted: CostTable = []

  get measured(): boolean {
    return this.#cells.size > 0
  }

  observe(rows: number, ms: number): void {
    if (!(ms > 0) || !Number.isFinite(ms)) return
    const cell = this.#cells.get(rows)
    if (!cell) this.#cells.set(rows, { ms, samples: 1 })
    else if (cell.samples < FIRST_SAMPLES) {
      cell.ms = Math.min(cell.ms, ms)
      cell.samples++
    } else {
      const capped = Math.min(ms, OUTLIER * cell.ms)
      cell.ms += (capped < cell.ms ? FOLLOW_DOWN : FOLLOW_UP) * (capped - cell.ms)
    }
    this.#sorted = this.#monotone()
  }

  /** Expected ms at `rows`: measured, or on the line between the nearest measured cells. 0 when nothing is known. */
  at(rows: number): number {
    const table = this.#sorted
    const last = table.at(-1)
    const first = table[0]
    if (!first || !last) return 0
    if (rows <= first.rows) return first.ms
    if (rows >= last.rows) {
      const slope = table.length > 1 ? (last.ms - first.ms) / (last.rows - first.rows) : 0
      return last.ms + slope * (rows - last.rows)
    }
    const i = table.findIndex(cell => cell.rows >= rows)
    const low = table[i - 1]!
    const high = table[i]!
    return low.ms + ((high.ms - low.ms) * (rows - low.rows)) / (high.rows - low.rows)
  }

  table(): CostTable {
    return this.#sorted.map(cell => ({ ...cell }))
  }

  /** The cells as measured, for `restore`. */
  measurements(): CostTable {
    return [...this.#cells].map(([rows, { ms }]) => ({ rows, ms }))
  }

  /** Cells of an earlier session: a start that live steps correct. */
  restore(table: CostTable): void {
    for (const { rows, ms } of table) this.#cells.set(rows, { ms, samples: 1 })
    this.#sorted = this.#monotone()
  }

  /** More rows never cost less: a running maximum. */
  #monotone(): CostTable {
    let floor = 0
    return [...this.#cells]
      .sort(([a], [b]) => a - b)
      .map(([rows, cell]) => {
        floor = Math.max(floor, cell.ms)
        return { rows, ms: floor }
      })
  }
}

export class CostModel {
  readonly target = new CostCurve()
  /** Passes of draft models by their rows, of heads by what they sample. */
  readonly drafts: Readonly<Record<DraftNet, CostCurve>> = {
    draft: new CostCurve(),
    'draft-2': new CostCurve(),
    'draft-3': new CostCurve(),
    heads: new CostCurve(),
  }
  readonly #late = { ahead: new Mean(), alone: new Mean() }

  of(net: DraftNet): CostCurve {
    return this.drafts[net]
  }

  /** What a step loses that waits for the verdict of the one before, in ms: the GPU has nothing to do meanwhile. */
  get waitMs(): number {
    return Math.max(0, this.#late.alone.value - this.#late.ahead.value)
  }

  /** Pure decode steps teach what target rows cost; what a drafted step took beyond that, its draft passes did. */
  observeStep({ targetPass: { rows, samples }, draftPasses, isAhead }: Step, stepMs: number): void {
    // A draft model that catches up by itself says nothing of a step.
    if (rows.length === 0) return
    if (rows.length !== samples.length || rows.some(row => row.sequence.request.scoreOnly)) return
    const [first, ...rest] = draftPasses
    if (!first) {
      const late = isAhead ? this.#late.ahead : this.#late.alone
      const expected = this.target.at(rows.length)
      if (this.target.measured) late.observe(Math.min(stepMs, OUTLIER * expected) - expected)
      this.target.observe(rows.length, stepMs)
      return
    }
    // Of several drafters in one step nobody knows which took how long.
    if (!this.target.measured || rest.some(({ net }) => net !== first.net)) return
    // The target pass is part of the step: it cannot have taken longer, whatever the table says.
    if (stepMs < this.target.at(rows.length)) this.target.observe(rows.length, stepMs)
    const draft = this.of(first.net)
    // A pass cannot cost nothing, however the noise fell.
    const draftMs = Math.max(stepMs - this.target.at(rows.length), stepMs / 100)
    const perPass = first.samples.length
    const average = draftMs / (rest.length + 1)
    const catchesUp = first.rows.length > 2 * perPass
    // A pass over more rows cost no less: after a pause, catching up is all there is to learn from.
    if (!catchesUp || average < draft.at(perPass)) draft.observe(perPass, average)
    if (catchesUp) draft.observe(first.rows.length, draftMs - rest.length * draft.at(perPass))
  }
}

/** Of recent values. */
class Mean {
  value = 0
  #count = 0

  observe(value: number): void {
    this.#count = Math.min(this.#count + 1, 20)
    this.value += (value - this.value) / this.#count
  }
}
