/**
 * SmartSpec's model of a forward pass (Liu et al., 2406.14066): T = a * N_context + g * N_batched + d, by least squares
 * over the steps so far, the older the less. N_context: positions whose keys and values are read; N_batched: rows.
 */
const DECAY = 0.998
const RIDGE = 1e-9
const NUM_FEATURES = 3

export class LatencyModel {
  /** Sums of products: features x (features and time). */
  readonly #sums = Array.from({ length: NUM_FEATURES }, () => new Float64Array(NUM_FEATURES + 1))

  observe(numBatched: number, numContext: number, ms: number): void {
    if (!(ms > 0) || !Number.isFinite(ms)) return
    const features = [1, numBatched, numContext]
    for (const [i, row] of this.#sums.entries()) {
      for (let j = 0; j < NUM_FEATURES; j++) row[j] = DECAY * row[j]! + features[i]! * features[j]!
      row[NUM_FEATURES] = DECAY * row[NUM_FEATURES]! + features[i]! * ms
    }
  }

  /** The fit; `known` are passes measured by themselves, at no context. */
  fit(known: ReadonlyArray<{ rows: number; ms: number }> = []): (rows: number, context: number) => number {
    const sums = this.#sums.map(row => [...row])
    for (const { rows, ms } of known) {
      const features = [1, rows, 0]
      for (const [i, row] of sums.entries()) {
        for (let j = 0; j < NUM_FEATURES; j++) row[j]! += features[i]! * features[j]!
        row[NUM_FEATURES]! += features[i]! * ms
      }
    }
    for (const [i, row] of sums.entries()) row[i]! += RIDGE * (1 + row[i]!)
    const [d, g, a] = solve(sums)
    return (rows, context) => Math.max(0, d! + g! * rows + a! * context)
  }
}

/** Gauss and Jordan; the ridge keeps pivots from 0. */
function solve(system: number[][]): number[] {
  for (const [i, row] of system.entries()) {
    const pivot = row[i]!
    for (let j = 0; j < row.length; j++) row[j]! /= pivot
    for (const other of system) {
      if (other === row) continue
      const factor = other[i]!
      for (let j = 0; j < row.length; j++) other[j]! -= factor * row[j]!
    }
  }
  return system.map(row => row.at(-1)!)
}
