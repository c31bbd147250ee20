/** y[row, output] (+)= sum over k of weight[output, k] * x[row, k], or activation(first) * second: matmul.wgsl. */
import type { Epilogue } from '../index'
import { gelu, silu, softCap } from './activation'
import { quantiseRow } from './quantise'
import { normScale, pairwise } from './rms-norm'
import { GROUP_COLUMNS, integerOf, lineOf, scaleOf, unpack, type Weights } from './weight-format'
import { fma } from './wgsl-builtins'

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
  /** Products of integers: those of the weights and of x as quantise.wgsl leaves it. */
  integers?: boolean
  norm?: Norm | undefined
}

/** x is as it was before this RMS norm. */
export interface Norm {
  gain: Float32Array<ArrayBuffer> // [columns]
  columns: number
  epsilon: number
}

/** Columns of a segment: they depend on K alone, at most 16 segments, none shorter than 256. */
export const segmentColumns = (k: number): number => 64 * Math.max(4, Math.ceil(k / 1024))

export function matmul(
  weights: Weights, // [outputs, K]
  x: Float32Array, // [rows, K]
  y: Float32Array, // [rows, stride]
  {
    numRows,
    outputs,
    stride,
    column,
    epilogue,
    second,
    gelu: isGelu = false,
    cap = 0,
    integers = false,
    norm,
  }: MatmulSizes,
): void {
  const { columns } = weights
  const activation = isGelu ? gelu : silu
  for (let row = 0; row < numRows; row++) {
    const stored = x.subarray(row * columns, (row + 1) * columns)
    const values = norm ? gained(stored, norm) : stored
    const scale = norm ? scaleOfRow(stored, norm) : 1
    const addGroup = integers ? ofIntegers(weights, values) : ofFloats(weights, values)
    for (let output = 0; output < outputs; output++) {
      const scaled = (output: number): number => Math.fround(dot(columns, output, addGroup) * scale)
      const first = scaled(output)
      const product = second === undefined ? first : Math.fround(activation(first) * scaled(second + output))
      const value = softCap(product, cap)
      const at = row * stride + column + output
      y[at] = { set: value, add: y[at]! + value, gate: activation(value) * y[at]! }[epilogue]
    }
  }
}

/** What a norm's gain makes of x; its scale comes later. */
const gained = (x: Float32Array, { gain, columns }: Norm): Float32Array =>
  x.map((value, i) => (i < columns ? value * gain[i]! : 0))

/** Lane t of four has quad t of each group of 16 columns, and a chain for each column of its quads. */
function scaleOfRow(x: Float32Array, { columns, epsilon }: Norm): number {
  const chains = new Float32Array(GROUP_COLUMNS)
  for (const [i, value] of x.entries()) {
    chains[i % GROUP_COLUMNS] = fma(value, value, chains[i % GROUP_COLUMNS]!)
  }
  const lanes = [0, 4, 8, 12].map(first => pairwise(chains.subarray(first, first + 4)))
  return normScale(pairwise(lanes), columns, epsilon)
}

/** `partial` with the products of the group that begins at a column. */
type AddGroup = (partial: number, output: number, group: number) => number

/** One row of the weights against one row of x. */
function dot(columns: number, output: number, addGroup: AddGroup): number {
  const segment = segmentColumns(columns)
  let total = 0
  for (let start = 0; start < columns; start += segment) {
    let partial = 0
    for (let group = start; group < Math.min(start + segment, columns); group += GROUP_COLUMNS)
      partial = addGroup(partial, output, group)
    total = Math.fround(total + partial)
  }
  return total
}

function ofFloats(weights: Weights, x: Float32Array): AddGroup {
  return (partial, output, group) => {
    let sum = 0
    for (let i = group; i < group + GROUP_COLUMNS; i++) sum = fma(unpack(weights, output, i), x[i]!, sum)
    return fma(scaleOf(weights, output, group), sum, partial)
  }
}

function ofIntegers(weights: Weights, x: Float32Array): AddGroup {
  const { numbers, scales, sums } = quantiseRow(x)
  return (partial, output, group) => {
    let sum = 0
    for (let i = group; i < group + GROUP_COLUMNS; i++) sum += integerOf(weights, output, i) * numbers[i]!
    const [scale, minimum] = lineOf(weights, output, group)
    const at = group / GROUP_COLUMNS
    return fma(minimum, sums[at]!, fma(Math.fround(scale * scales[at]!), sum, partial))
  }
}
