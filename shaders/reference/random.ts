/** Random numbers for tests, the same for the same seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  /** Between the two, both included. */
  integer(from: number, to: number): number {
    return from + (this.word() % (to - from + 1))
  }

  /** Between -1 and 1. */
  float(): number {
    return this.word() / 2 ** 31 - 1
  }

  /** [rows, stride] with zeros in columns `columns` to `stride`. */
  matrix(rows: number, columns: number, stride: number, amplitude = 1): Float32Array<ArrayBuffer> {
    return new Float32Array(rows * stride).map((_, i) =>
      i % stride < columns ? this.float() * amplitude : 0,
    )
  }

  shuffled(count: number): number[] {
    const numbers = Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(0, i)
      ;[numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!]
    }
    return numbers
  }
}

/** The stride of a row of activations, or the padded columns of a row of weights. */
export const padded = (columns: number) => Math.ceil(columns / 64) * 64
