/** y[row, output] (+)= sum over k of weight[output, k] * x[row, k], or activation(first) * second: matmul.wgsl. */
import { gelu, silu, softCap } from './activation'
import { GROUP_COLUMNS, scaleOf, unpack, type Weights } from './weight-format'
import { fma } from './wgsl-builtins'

/** What becomes of a value v: y = v, y += v, y = activation(v) * y. */
export type Epilogue = 'set' | 'add' | 'gate'

export interface MatmulSizes {
  numRows: number
  outputs: number
  /** Of y. */
  stride: number
  /** Column of y for output 0. */
  column: number
  epilogue: Epilogue
  /** Row of a second matrix's output 0, where there is one. */
  second?: number
  gelu?: boolean
  /** Of what is stored; 0: none. */
  cap?: number
}

/** Columns of a segment: they depend on K alone, at most 16 segments, none shorter than 256. */
export const segmentColumns = (k: number): number => 64 * Math.max(4, Math.ceil(k / 1024))

export function matmul(
  weights: Weights, // [outputs, K]
  x: Float32Array, // [rows, K]
  y: Float32Array, // [rows, stride]
  { numRows, outputs, stride, column, epilogue, second, gelu: isGelu = false, cap = 0 }: MatmulSizes,
): void {
  const { columns } = weights
  const activation = isGelu ? gelu : silu
  for (let row = 0; row < numRows; row++) {
    const values = x.subarray(row * columns, (row + 1) * columns)
    for (let output = 0; output < outputs; output++) {
      const first = dot(weights, output, values)
      const product =
        second === undefined ? first : Math.fround(activation(first) * dot(weights, second + output, values))
      const value = softCap(product, cap)
      const at = row * stride + column + output
      y[at] = { set: value, add: y[at]! + value, gate: activation(value) * y[at]! }[epilogue]
    }
  }
}

/** One row of the weights against one row of x. */
function dot(weights: Weights, output: number, x: Float32Array): number {
  const segment = segmentColumns(x.length)
  let total = 0
  for (let start = 0; start < x.length; start += segment) {
    let partial = 0
    for (let group = start; group < Math.min(start + segment, x.length); group += GROUP_COLUMNS) {
      let sum = 0
      for (let i = group; i < group + GROUP_COLUMNS; i++) sum = fma(unpack(weights, output, i), x[i]!, sum)
      partial = fma(scaleOf(weights, output, group), sum, partial)
    }
    total = Math.fround(total + partial)
  }
  return total
}
