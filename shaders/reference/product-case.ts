/** Random products for tests, and what matmul.wgsl and gemm.wgsl make of them. */
import {
  type Epilogue,
  epilogueParams,
  formatParams,
  hasIntegers,
  integerParams,
  type Kernel,
  type Params,
  type WeightFormat,
} from '../index'
import { type Norm, segmentColumns } from './matmul'
import { quantiseRows } from './quantise'
import { padded, Random } from './random'
import { columnsFor, randomWeights } from './random-weights'
import { runKernel } from './run-kernel'
import { ROW_TILE, scaleOf, unpack, type Weights } from './weight-format'
import { bitcastU32 } from './wgsl-builtins'

export const formats = Object.keys(formatParams) as WeightFormat[]

/** Of the formats of scale and minimum one of each layout: the others differ in the width of a number. */
export const formatKinds = formats.filter(format => !['q4_1', 'q4_k'].includes(format))
export const integerFormats = formats.filter(hasIntegers)
export const epilogues = Object.keys(epilogueParams) as Epilogue[]

export interface ProductCase {
  weights: Weights
  x: Float32Array<ArrayBuffer>
  y: Float32Array<ArrayBuffer>
  numRows: number
  outputs: number
  stride: number
  column: number
  epilogue: Epilogue
  second?: number
  gelu?: boolean
  cap?: number
  integers?: boolean
  norm?: Norm | undefined
}

export interface Sizes {
  format: WeightFormat
  numRows: number
  outputs: number
  k: number
  column?: number
  epilogue?: Epilogue
  isPaired?: boolean
  gelu?: boolean
  cap?: number
  integers?: boolean
  /** There is an RMS norm in front of it. */
  isNormed?: boolean
}

export function randomCase(seed: number, sizes: Sizes): ProductCase {
  const {
    format,
    numRows,
    outputs,
    k,
    column = 0,
    epilogue = 'set',
    isPaired = false,
    gelu = false,
    cap = 0,
    integers = false,
    isNormed = false,
  } = sizes
  const random = new Random(seed)
  const columns = columnsFor(format, k)
  const stride = padded(column + outputs)
  return {
    weights: randomWeights(random, format, outputs, columns, { second: isPaired }),
    x: random.matrix(numRows, columns, padded(columns)),
    y: random.matrix(numRows, stride, stride),
    numRows,
    outputs,
    stride,
    column,
    epilogue,
    gelu,
    cap,
    integers,
    norm: isNormed
      ? { gain: random.matrix(1, columns, 4 * Math.ceil(columns / 4)), columns, epsilon: 1e-5 }
      : undefined,
    ...(isPaired ? { second: Math.ceil(outputs / ROW_TILE) * ROW_TILE } : {}),
  }
}

/** Rows [first, first + numRows) as a pass of their own. */
export function rowsOf(whole: ProductCase, first: number, numRows: number): ProductCase {
  const { weights, x, y, stride } = whole
  const rows = (values: Float32Array<ArrayBuffer>, width: number) =>
    values.slice(first * width, (first + numRows) * width)
  return { ...whole, numRows, x: rows(x, weights.columns), y: rows(y, stride) }
}

export interface Placing {
  /** Where the number of rows stands in the step data. */
  count?: number
  stepOffset?: number
  /** Only the rows after all whole tiles of that size. */
  bodyTile?: number
}

/** Its last segment of K is shorter than the others: RAGGED. */
export const isRagged = ({ weights: { columns } }: ProductCase): boolean =>
  columns % segmentColumns(columns) !== 0

/** What the kernel makes of y. */
export async function runProduct(
  kernel: Kernel,
  params: Params,
  groups: readonly [number, number],
  test: ProductCase,
  { count = 0, stepOffset = 0, bodyTile = 0 }: Placing = {},
): Promise<Float32Array<ArrayBuffer>> {
  const {
    weights,
    x,
    y,
    numRows,
    outputs,
    stride,
    column,
    epilogue,
    second,
    gelu = false,
    cap = 0,
    integers,
    norm,
  } = test
  const result = y.slice()
  const step = new Uint32Array(8)
  step[count] = numRows
  const columns = weights.columns
  const shape = [outputs, columns / 16, segmentColumns(columns) / 16, stride, column, 0, second ?? 0]
  const normShape = norm ? [norm.columns, bitcastU32(norm.epsilon)] : [0, 0]
  await runKernel({
    kernel: norm ? { ...kernel, bindings: [...kernel.bindings, 'read'] } : kernel,
    params: {
      ...formatParams[weights.format],
      ...(integers ? integerParams : {}),
      GELU: gelu,
      LOGIT_CAP: cap,
      ...epilogueParams[epilogue],
      NORM: norm !== undefined,
      ...params,
      ...(second === undefined ? {} : { PAIRED: true, MATRICES: 2 }),
    },
    data: [
      step,
      weights.quants,
      weights.scales,
      integers ? quantiseRows(x, columns) : x,
      result,
      new Uint32Array([...shape, count, bodyTile, ...normShape]),
      ...(norm ? [norm.gain] : []),
    ],
    groups,
    stepOffset,
  })
  return result
}

/** How far an element of y may be from its exact value. */
export function tolerance(test: ProductCase, at: number): number {
  const { outputs, stride, column, second } = test
  const [row, output] = [Math.floor(at / stride), (at % stride) - column]
  if (output < 0 || output >= outputs) return 0
  const first = 1 + magnitude(test, row, output)
  return 2e-6 * first * (second === undefined ? 1 : 1 + magnitude(test, row, second + output))
}

/** Sum of |weight * x| of one element of y. */
function magnitude({ weights, x, norm }: ProductCase, row: number, output: number): number {
  const values = x.subarray(row * weights.columns, (row + 1) * weights.columns)
  let sum = 0
  for (const [k, value] of values.entries()) {
    const weight = unpack(weights, output, k) * scaleOf(weights, output, k)
    sum += Math.abs(weight * value * (norm?.gain[k] ?? 1))
  }
  if (!norm) return sum
  const squares = values.reduce((total, value) => total + value ** 2, 0)
  return sum / Math.sqrt(squares / norm.columns + norm.epsilon)
}

export const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)
