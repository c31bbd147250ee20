/** Random products for tests, and what matmul.wgsl and gemm.wgsl make of them. */
import {
  formatParams,
  hasIntegers,
  integerParams,
  type Kernel,
  type Params,
  type WeightFormat,
} from '../index'
import { type Epilogue, segmentColumns } from './matmul'
import { quantiseRows } from './quantise'
import { padded, Random } from './random'
import { columnsFor, randomWeights } from './random-weights'
import { runKernel } from './run-kernel'
import { ROW_TILE, scaleOf, unpack, type Weights } from './weight-format'

export const formats = Object.keys(formatParams) as WeightFormat[]

/** Of the formats of scale and minimum one of each layout: the others differ in the width of a number. */
export const formatKinds = formats.filter(format => !['q4_1', 'q4_k'].includes(format))
export const integerFormats = formats.filter(hasIntegers)
export const epilogues: readonly Epilogue[] = ['set', 'add', 'gate']

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
  } = test
  const result = y.slice()
  const step = new Uint32Array(8)
  step[count] = numRows
  const columns = weights.columns
  const shape = [outputs, columns / 16, segmentColumns(columns) / 16, stride, column, 0, second ?? 0]
  await runKernel({
    kernel,
    params: {
      ...formatParams[weights.format],
      ...(integers ? integerParams : {}),
      GELU: gelu,
      LOGIT_CAP: cap,
      ...params,
      ...(second === undefined ? {} : { PAIRED: true, MATRICES: 2 }),
    },
    data: [
      step,
      weights.quants,
      weights.scales,
      integers ? quantiseRows(x, columns) : x,
      result,
      new Uint32Array([...shape, count, epilogues.indexOf(epilogue), bodyTile, 0, 0]),
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
function magnitude({ weights, x }: ProductCase, row: number, output: number): number {
  let sum = 0
  for (let k = 0; k < weights.columns; k++) {
    const weight = unpack(weights, output, k) * scaleOf(weights, output, k)
    sum += Math.abs(weight * x[row * weights.columns + k]!)
  }
  return sum
}

export const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)
