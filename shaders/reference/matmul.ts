/** y[row, output] (+)= sum over k of weight[output, k] * x[row, k]: matmul.wgsl. */
import { BLOCK_COLUMNS, scaleOf, unpack, type Weights } from './weight-format'
import { fma } from './wgsl-builtins'

const SEGMENT_BLOCKS = 2

export interface MatmulSizes {
  numRows: number
  outputs: number
  /** Of y. */
  stride: number
  /** Add to y. */
  accumulate: boolean
}

export function matmul(
  weights: Weights, // [outputs, K]
  x: Float32Array, // [rows, K]
  y: Float32Array, // [rows, stride]
  { numRows, outputs, stride, accumulate }: MatmulSizes,
): void {
  const { blocks } = weights
  for (let row = 0; row < numRows; row++) {
    const values = x.subarray(row * blocks * BLOCK_COLUMNS, (row + 1) * blocks * BLOCK_COLUMNS)
    for (let output = 0; output < outputs; output++) {
      let total = 0
      for (let segment = 0; segment < blocks; segment += SEGMENT_BLOCKS) {
        let partial = 0
        for (let block = segment; block < segment + SEGMENT_BLOCKS; block++) {
          const weightBlock = output * blocks + block
          let sum = 0
          for (let i = 0; i < BLOCK_COLUMNS; i++) {
            sum = fma(unpack(weights, weightBlock, i), values[block * BLOCK_COLUMNS + i]!, sum)
          }
          partial = fma(scaleOf(weights, weightBlock), sum, partial)
        }
        total = Math.fround(total + partial)
      }
      const at = row * stride + output
      y[at] = accumulate ? y[at]! + total : total
    }
  }
}
