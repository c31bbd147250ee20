/**
 * Milliseconds against rows, measured. Noise is one-sided: a step can be late for many reasons, but early for none. So a
 * cell is worth the lower quartile of its latest samples. Between neighbouring cells lies a line; where rows were
 * measured one by one, steps of the cost (tiles, workgroups) stay steps. More rows never cost less: where two cells
 * contradict each other, the one that was measured more, and then the one measured later, is believed.
 */

/** Beyond so many rows, cells stand for ranges: 1/16 of an octave apart. */
const EXACT_ROWS = 48
const WINDOW = 8
/** Cells with fewer samples give way to those with as many, however fresh. */
const TRUSTED = 3

export type CostTable = Array<{ rows: number; ms: number }>

class Cell {
  readonly #samples: number[] = []
  #next = 0
  ms = 0
  lastSeen = 0

  constructor(readonly rows: number) {}

  get trusted(): boolean {
    return this.#samples.length >= TRUSTED
  }

  observe(ms: number, now: number): void {
    this.#samples[this.#next] = ms
    this.#next = (this.#next + 1) % WINDOW
    const sorted = this.#samples.toSorted((a, b) => a - b)
    this.ms = sorted[Math.floor((sorted.length - 1) / 4)]!
    this.lastSeen = now
  }
}

export class CostCurve {
  readonly #cells = new Map<number, Cell>()
  #now = 0
  /** What was measured, made monotone; and the same for every number of rows up to the largest cell. */
  #table: CostTable = []
  #dense = new Float64Array(0)
  #slope = 0
  #isStale = false

  get measured(): boolean {
    return this.#cells.size > 0
  }

  observe(rows: number, ms: number): void {
    if (!(ms > 0) || !Number.isFinite(ms)) return
    const at = cellOf(rows)
    let cell = this.#cells.get(at)
    if (!cell) {
      cell = new Cell(at)
      this.#cells.set(at, cell)
    }
    const before = cell.ms
    cell.observe(ms, ++this.#now)
    if (cell.ms !== before) this.#isStale = true
  }

  /** Expected ms at `rows`; 0 when nothing is known. Up to the first cell as much as there: there is no cost to subtract. */
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
    return [...this.#cells.values()].map(({ rows, ms }) => ({ rows, ms }))
  }

  /** Cells of an earlier session: a start that live steps correct. */
  restore(table: CostTable): void {
    for (const { rows, ms } of table) this.observe(rows, ms)
  }

  #rebuild(): void {
    this.#isStale = false
    this.#table = monotone([...this.#cells.values()])
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

/** Each cell held between those that are believed more. */
function monotone(cells: readonly Cell[]): CostTable {
  const byRows = cells.toSorted((a, b) => a.rows - b.rows)
  const table = byRows.map(({ rows }) => ({ rows, ms: Number.NaN }))
  const byBelief = [...byRows.keys()].sort((a, b) => believe(byRows[b]!) - believe(byRows[a]!))
  for (const at of byBelief) {
    let low = at - 1
    while (low >= 0 && Number.isNaN(table[low]!.ms)) low--
    let high = at + 1
    while (high < table.length && Number.isNaN(table[high]!.ms)) high++
    const floor = table[low]?.ms ?? 0
    const ceiling = table[high]?.ms ?? Number.POSITIVE_INFINITY
    table[at]!.ms = Math.min(ceiling, Math.max(floor, byRows[at]!.ms))
  }
  return table
}

const believe = ({ trusted, lastSeen }: Cell): number => (trusted ? 2 ** 40 : 0) + lastSeen

/** The largest number of rows that shares a cell with `rows`. */
function cellOf(rows: number): number {
  if (rows <= EXACT_ROWS) return rows
  const width = 2 ** Math.max(0, Math.floor(Math.log2(rows)) - 4)
  return Math.ceil(rows / width) * width
}
