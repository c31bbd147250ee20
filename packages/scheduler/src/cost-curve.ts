/**
 * Milliseconds against rows, measured. Between neighbouring cells lies a line; where rows were measured one by one, steps
 * of the cost (tiles, workgroups) stay steps. More rows never cost less: where two cells contradict each other, the one
 * that is known better is believed.
 *
 * The logarithms of the cells are one Gaussian: what the device was like when they were measured they have in common, and
 * what time changes, it changes for near numbers of rows alike, so a step that is found to be dearer makes its neighbours
 * dearer too. Cells on their own would each keep what the device was like when they were last seen, and choices live on how
 * neighbours compare: what happens to run would seem cheap, and all else would never be tried again.
 */

/** Beyond so many rows, cells stand for ranges: 1/16 of an octave apart. */
const EXACT_ROWS = 48
/**
 * Variances of logarithms: of a cell measured once, of the least of some measurements, what all that is measured has in
 * common, what a cell that is not measured differs by from the nearest one, for each octave of rows between them, what time
 * adds with every step, and the most that is told.
 */
const ONCE = 0.05
const OFTEN = 0.001
const COMMON = 0.0048
const PER_OCTAVE = 0.1
const WALK = 0.0002
const MOST = 0.3
/** Octaves of rows over which changes are alike. */
const REACH = 2
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
}

export class CostCurve {
  /** In the order of rows. */
  readonly #cells: Cell[] = []
  /** Between the logarithms of any two cells, as it was at `#knownAt`. */
  readonly #covariance: number[][] = []
  #knownAt = 0
  #now = 0
  /** What was measured, made monotone; and the same for every number of rows up to the largest cell. */
  #table: CostTable = []
  #dense = new Float64Array(0)
  #slope = 0
  #isStale = false

  get measured(): boolean {
    return this.#cells.length > 0
  }

  /** Whether what `at` says of so many rows is more than a guess: they lie among the cells, or on a line through some. */
  foretells(rows: number): boolean {
    return this.#cells.length > 1 || (this.measured && rows <= this.#cells[0]!.rows)
  }

  /** The least of some measurements of this alone: no news changes it much. */
  measure(rows: number, ms: number): void {
    this.observe(rows, ms, OFTEN)
  }

  /** A measurement of this alone; `variance`: what a cell of its own begins with. */
  observe(rows: number, ms: number, variance = ONCE): void {
    if (!(ms > 0) || !Number.isFinite(ms)) return
    this.tick()
    const at = this.#find(rows)
    if (at === undefined) {
      this.#add(rows, ms, variance, COMMON)
      return
    }
    const { logMs } = this.#cells[at]!
    const surprise = Math.log(ms) - logMs
    const known = this.variance(rows)
    const part = known / (known + noiseOf(surprise))
    this.learn(rows, Math.exp(logMs + part * surprise), part, Number.POSITIVE_INFINITY)
  }

  /** A step has gone by: what is not measured is known a little less. */
  tick(): void {
    this.#now++
  }

  /** Of the logarithm of what `at` says. */
  variance(rows: number): number {
    const at = this.#find(rows)
    if (at !== undefined) return Math.min(MOST, this.#varianceOf(at))
    const near = this.#nearest(rows)
    if (near === undefined) return MOST
    return Math.min(MOST, this.#varianceOf(near) + this.#doubtOf(rows, near))
  }

  /**
   * It is `ms`, of which a `part` between 0 and 1 was not known before. What is due to `doubt`, a variance of these rows
   * alone, says nothing of their neighbours.
   */
  learn(rows: number, ms: number, part: number, doubt = 0): void {
    const before = this.at(rows)
    this.#goOn()
    const own = this.#find(rows) ?? this.#add(rows, before, this.#doubtOf(rows, this.#nearest(rows)!))
    const column = [...this.#covariance[own]!]
    const known = column[own]!
    for (const [i, cell] of this.#cells.entries()) {
      if (i !== own)
        cell.logMs += Math.log1p(Math.max(LEAST - 1, (column[i]! / (known + doubt)) * (ms / before - 1)))
      const row = this.#covariance[i]!
      for (let j = 0; j < row.length; j++) row[j]! -= ((part * column[i]!) / known) * column[j]!
    }
    this.#cells[own]!.logMs = Math.log(Math.max(LEAST * before, ms))
    this.#isStale = true
  }

  /** Expected ms at `rows`; 0 when nothing is known. Up to the first cell as much as there: off is measured, not a line's end. */
  at(rows: number): number {
    if (this.#isStale) this.#rebuild()
    const last = this.#dense.length - 1
    if (last < 0) return 0
    if (rows >= last) return this.#dense[last]! + this.#slope * (rows - last)
    const low = Math.floor(rows)
    return this.#dense[low]! + (rows - low) * (this.#dense[low + 1]! - this.#dense[low]!)
  }

  table(): CostTable {
    if (this.#isStale) this.#rebuild()
    return this.#table.map(cell => ({ ...cell }))
  }

  /** The cells as measured, for `restore`. */
  measurements(): CostTable {
    return this.#cells.map(({ rows, logMs }) => ({ rows, ms: Math.exp(logMs) }))
  }

  /** Cells of an earlier session: a start that live steps correct. */
  restore(table: CostTable): void {
    for (const { rows, ms } of table) this.measure(rows, ms)
  }

  #find(rows: number): number | undefined {
    const wanted = cellOf(rows)
    const at = this.#placeOf(wanted)
    return this.#cells[at]?.rows === wanted ? at : undefined
  }

  /** How many cells are of fewer rows. */
  #placeOf(rows: number): number {
    let low = 0
    let high = this.#cells.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#cells[middle]!.rows < rows) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * Where a new cell stands. It shares with the nearest one what that may be off by, no more of it than `common`, and may
   * be off by `own` besides.
   */
  #add(rows: number, ms: number, own: number, common = MOST): number {
    const cell = { rows: cellOf(rows), logMs: Math.log(ms) }
    const near = this.#nearest(rows)
    const ofNear = near === undefined ? [] : this.#covariance[near]!
    const known = near === undefined ? common : ofNear[near]!
    const shared = Math.min(common, known)
    const column = ofNear.map(covariance => Math.sqrt(shared / known) * covariance)
    const at = this.#placeOf(cell.rows)
    this.#cells.splice(at, 0, cell)
    for (const [i, row] of this.#covariance.entries()) row.splice(at, 0, column[i]!)
    this.#covariance.splice(at, 0, column.toSpliced(at, 0, shared + own))
    this.#isStale = true
    return at
  }

  #varianceOf(at: number): number {
    return this.#covariance[at]![at]! + WALK * (this.#now - this.#knownAt)
  }

  /** The cell that is nearest in octaves. */
  #nearest(rows: number): number | undefined {
    const place = this.#placeOf(rows)
    const [low, high] = [this.#cells[place - 1], this.#cells[place]]
    if (!low || !high) return low ? place - 1 : high ? place : undefined
    return rows / low.rows < high.rows / rows ? place - 1 : place
  }

  /** What `rows` that were never measured may differ by: they lie between their neighbours, anywhere, or beyond all. */
  #doubtOf(rows: number, near: number): number {
    const place = this.#placeOf(rows)
    const [low, high] = [this.#cells[place - 1], this.#cells[place]]
    if (low && high) return Math.max(0, high.logMs - low.logMs) ** 2 / 12
    return PER_OCTAVE * Math.abs(Math.log2(rows / this.#cells[near]!.rows))
  }

  /** Adds what the ticks since `#knownAt` have changed. */
  #goOn(): void {
    const walked = WALK * (this.#now - this.#knownAt)
    this.#knownAt = this.#now
    if (walked === 0) return
    const alike = this.#cells.map(({ rows }, i) => alikeness(this.#cells[Math.max(0, i - 1)]!.rows, rows))
    for (const [i, row] of this.#covariance.entries()) {
      row[i]! += walked
      // Alikeness falls from neighbour to neighbour: that of two cells is the product on the way.
      let change = walked
      for (let j = i + 1; j < row.length; j++) {
        change *= alike[j]!
        row[j]! += change
        this.#covariance[j]![i] = row[j]!
      }
    }
  }

  #rebuild(): void {
    this.#isStale = false
    const variances = this.#covariance.map((row, i) => row[i]!)
    this.#table = monotone(this.#cells, variances)
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

/** Of changes at so many rows and at so many, from 0 to 1. */
const alikeness = (a: number, b: number): number => 2 ** (-Math.abs(Math.log2(a / b)) / REACH)

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
