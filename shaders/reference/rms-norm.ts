/** y[row] = x[row] / sqrt(mean(x[row]²) + epsilon) * weight: rms-norm.wgsl. */
import { NUM_ROWS, NUM_SAMPLES, SAMPLE_WORDS, SAMPLES_AT } from './step'
import { fma } from './wgsl-builtins'

const WORKGROUP = 64

export interface RmsNormSizes {
  columns: number
  stride: number
  epsilon: number
  /** One output row per sample, read from the sample's row. */
  gather: boolean
  /** y += ... */
  add?: boolean
}

export function rmsNorm(
  step: Uint32Array,
  x: Float32Array, // [rows, stride]
  weight: Float32Array, // [columns]
  y: Float32Array, // [rows, stride]
  { columns, stride, epsilon, gather, add = false }: RmsNormSizes,
): void {
  const numRows = gather ? step[NUM_SAMPLES]! : step[NUM_ROWS]!
  for (let row = 0; row < numRows; row++) {
    const source = gather ? step[step[SAMPLES_AT]! + row * SAMPLE_WORDS]! : row
    const values = x.subarray(source * stride, source * stride + columns)

    // Thread t has quads t, t + 64, … of columns, and a chain for each column of its quads.
    const chains = new Float32Array(4 * WORKGROUP)
    for (const [i, value] of values.entries()) {
      chains[i % chains.length] = fma(value, value, chains[i % chains.length]!)
    }
    let total = 0
    for (let t = 0; t < chains.length; t += 4) {
      total = Math.fround(total + pairwise(chains.subarray(t, t + 4)))
    }

    const scale = normScale(total, columns, epsilon)
    for (const [i, value] of values.entries()) {
      const normed = Math.fround(value * scale) * weight[i]!
      y[row * stride + i] = add ? y[row * stride + i]! + normed : normed
    }
  }
}

/** Of four. */
export const pairwise = ([a, b, c, d]: Iterable<number> & ArrayLike<number>): number =>
  Math.fround(Math.fround(a! + b!) + Math.fround(c! + d!))

/** By the sum of a row's squares. */
export function normScale(total: number, columns: number, epsilon: number): number {
  const mean = Math.fround(Math.fround(total / columns) + Math.fround(epsilon))
  return Math.fround(1 / Math.fround(Math.sqrt(mean)))
}
