/**
 * Milliseconds against rows, measured. Between neighbouring cells lies a line; where rows were measured one by one, steps
 * of the cost (tiles, workgroups) stay steps. More rows never cost less: where two cells contradict each other, the one
 * that is known better is believed.
 */

/** Beyond so many rows, cells stand for ranges: 1/16 of an octave apart. */
const EXACT_ROWS = 48
/** Variances of logarithms: of a cell measured once, of one that was never measured, and what time adds with every step. */
const ONCE = 0.05
const NEVER = 0.3
const WALK = 0.0002
/** What a cell may shrink to at most with one step. */
const LEAST = 0.1

/**
 * Variance of a sample's logarithm. Noise is one-sided, so late steps are doubted, the later the more; but not so much
 * that one which is late every time is never believed.
 */
export const noiseOf = (surprise: number): number => 0.003 + 0.4 * Math.min(1, Math.max(0, surprise)) ** 2

export type CostTable = Array<{ rows: number; ms: number }>

interface Cell {
  rows: number
  logMs: number
  /** As it was at `seenAt`. */
  variance: number
  seenAt: number
}

export class CostCurve {
  readonly #cells = new Map<number, Cell>()
  #now = 0
  #largest = 0
  /** What was measured, made monotone; and the same for every number of rows up to the largest cell. */
  #table: CostTable = []
  #dense = new Float64Array(0)
  #slope = 0
  #isStale = false

  get measured(): boolean {
    return this.#cells.size > 0
  }

  /** Whether `rows` lie among those that were measured. */
  covers(rows: number): boolean {
    return rows <= this.#largest && this.#cells.size > 0
  }

  /** A measurement of this alone. */
  observe(rows: number, ms: number): void {
    if (!(ms > 0) || !Number.isFinite(ms)) return
    this.tick()
    const cell = this.#cells.get(cellOf(rows))
    if (!cell) {
      this.#add(rows, ms, ONCE)
      return
    }
    const surprise = Math.log(ms) - cell.logMs
    const known = this.variance(rows)
    const part = known / (known + noiseOf(surprise))
    this.learn(rows, Math.exp(cell.logMs + part * surprise), part)
  }

  /** A step has gone by: what is not measured is known a little less. */
  tick(): void {
    this.#now++
  }

  /** Of the logarithm of what `at` says. */
  variance(rows: number): number {
    const cell = this.#cells.get(cellOf(rows))
    return cell ? this.#varianceOf(cell) : NEVER
  }

  /** It is `ms`, of which a `part` between 0 and 1 was not known before. */
  learn(rows: number, ms: number, part: number): void {
    const before = this.at(rows)
    const cell = this.#cells.get(cellOf(rows)) ?? this.#add(rows, before, NEVER)
    const known = this.#varianceOf(cell)
    cell.logMs = Math.log(Math.max(LEAST * before, ms))
    cell.variance = known * (1 - part)
    cell.seenAt = this.#now
    this.#isStale = true
  }

  /** Expected ms at `rows`; 0 when nothing is known. Up to the first cell as much as there: off is measured, not a line's end. */
  at(rows: number): number {
    if (this.#isStale) this.#rebuild()
    const last = this.#dense.length - 1
    if (last < 0) return 0
    return rows <= last ? this.#dense[rows]! : this.#dense[last]! + this.#slope * (rows - last)
  }

  table(): CostTable {
    if (this.#isStale) this.#rebuild()
    return this.#table.map(cell => ({ ...cell }))
  }

  /** The cells as measured, for `restore`. */
  measurements(): CostTable {
    return [...this.#cells.values()].map(({ rows, logMs }) => ({ rows, ms: Math.exp(logMs) }))
  }

  /** Cells of an earlier session: a start that live steps correct. */
  restore(table: CostTable): void {
    for (const { rows, ms } of table) this.observe(rows, ms)
  }

  #add(rows: number, ms: number, variance: number): Cell {
    const cell = { rows: cellOf(rows), logMs: Math.log(ms), variance, seenAt: this.#now }
    this.#cells.set(cell.rows, cell)
    this.#largest = Math.max(this.#largest, cell.rows)
    this.#isStale = true
    return cell
  }

  #varianceOf({ variance, seenAt }: Cell): number {
    return Math.min(NEVER, variance + WALK * (this.#now - seenAt))
  }

  #rebuild(): void {
    this.#isStale = false
    const cells = [...this.#cells.values()].sort((a, b) => a.rows - b.rows)
    this.#table = monotone(
      cells,
      cells.map(cell => this.#varianceOf(cell)),
    )
    const first = this.#table[0]!
    const last = this.#table.at(-1)!
    this.#slope = last.rows > first.rows ? (last.ms - first.ms) / (last.rows - first.rows) : 0
    if (this.#dense.length !== last.rows + 1) this.#dense = new Float64Array(last.rows + 1)
    this.#dense.fill(first.ms, 0, first.rows + 1)
    for (const [i, low] of this.#table.slice(0, -1).entries()) {
      const high = this.#table[i + 1]!
      const slope = (high.ms - low.ms) / (high.rows - low.rows)
      for (let rows = low.rows + 1; rows <= high.rows; rows++)
        this.#dense[rows] = low.ms + slope * (rows - low.rows)
    }
  }
}

/** Each cell held between those of less variance. `cells` stand in the order of rows. */
function monotone(cells: readonly Cell[], variances: readonly number[]): CostTable {
  const table = cells.map(({ rows }) => ({ rows, ms: Number.NaN }))
  const bestFirst = [...cells.keys()].sort((a, b) => variances[a]! - variances[b]!)
  for (const at of bestFirst) {
    let low = at - 1
    while (low >= 0 && Number.isNaN(table[low]!.ms)) low--
    let high = at + 1
    while (high < table.length && Number.isNaN(table[high]!.ms)) high++
    const floor = table[low]?.ms ?? 0
    const ceiling = table[high]?.ms ?? Number.POSITIVE_INFINITY
    table[at]!.ms = Math.min(ceiling, Math.max(floor, Math.exp(cells[at]!.logMs)))
  }
  return table
}

/** The largest number of rows that shares a cell with `rows`. */
function cellOf(rows: number): number {
  if (rows <= EXACT_ROWS) return rows
  const width = 2 ** Math.max(0, Math.floor(Math.log2(rows)) - 4)
  return Math.ceil(rows / width) * width
}
