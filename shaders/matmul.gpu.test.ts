import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatParams, kernels, type WeightFormat } from './index'
import { expectClose } from './reference/expect-close'
import { type Epilogue, matmul, segmentColumns } from './reference/matmul'
import { padded, Random } from './reference/random'
import { columnsFor, randomWeights } from './reference/random-weights'
import { hasSubgroups, runKernel } from './reference/run-kernel'
import { ROW_TILE, scaleOf, unpack, type Weights } from './reference/weight-format'

const formats = Object.keys(formatParams) as WeightFormat[]

const epilogues: readonly Epilogue[] = ['set', 'add', 'gate']

interface Case {
  weights: Weights
  x: Float32Array<ArrayBuffer>
  y: Float32Array<ArrayBuffer>
  numRows: number
  outputs: number
  stride: number
  column: number
  epilogue: Epilogue
  second?: number
}

interface Variant {
  TILE: number
  OUTPUTS: number
  LANES: number
  SLICES?: number
  SUBGROUPS?: boolean
}

interface Sizes {
  format: WeightFormat
  numRows: number
  outputs: number
  k: number
  column?: number
  epilogue?: Epilogue
  isPaired?: boolean
}

function randomCase(seed: number, sizes: Sizes): Case {
  const { format, numRows, outputs, k, column = 0, epilogue = 'set', isPaired = false } = sizes
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
    ...(isPaired ? { second: Math.ceil(outputs / ROW_TILE) * ROW_TILE } : {}),
  }
}

/** What the kernel makes of y. `bodyTile`: only the rows after all whole tiles of that size. */
async function run(test: Case, variant: Variant, { count = 0, stepOffset = 0, bodyTile = 0 } = {}) {
  const { weights, x, y, numRows, outputs, stride, column, epilogue, second } = test
  const { TILE, OUTPUTS, LANES, SLICES = 1 } = variant
  const result = y.slice()
  const step = new Uint32Array(8)
  step[count] = numRows
  const groups = weights.columns / 16
  const segment = segmentColumns(weights.columns) / 16
  const flags = [0, second ?? 0, count, epilogues.indexOf(epilogue), bodyTile, 0, 0]
  const paired = second !== undefined
  await runKernel({
    kernel: kernels.matmul,
    params: {
      ...formatParams[weights.format],
      ...variant,
      SPLIT: SLICES > 1,
      ...(paired ? { PAIRED: true, MATRICES: 2 } : {}),
    },
    data: [
      step,
      weights.quants,
      weights.scales,
      x,
      result,
      new Uint32Array([outputs, groups, segment, stride, column, ...flags]),
    ],
    groups: [Math.ceil(outputs / (OUTPUTS * LANES)), bodyTile ? 1 : Math.ceil(numRows / TILE)],
    stepOffset,
  })
  return result
}

/** Sum of |weight * x| of one element of y. */
function magnitude({ weights, x }: Case, row: number, output: number): number {
  let sum = 0
  for (let k = 0; k < weights.columns; k++) {
    const weight = unpack(weights, output, k) * scaleOf(weights, output, k)
    sum += Math.abs(weight * x[row * weights.columns + k]!)
  }
  return sum
}

describe('matmul', async () => {
  const subgroups = (await hasSubgroups()) ? [false, true] : [false]

  it('agrees with its reference', async () => {
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        format: fc.constantFrom(...formats),
        TILE: fc.constantFrom(1, 2, 3, 5),
        OUTPUTS: fc.constantFrom(1, 2),
        LANES: fc.constantFrom(4),
        threads: fc.constantFrom(
          { SLICES: 1 },
          { SLICES: 16 },
          ...subgroups.map(SUBGROUPS => ({ SUBGROUPS })),
        ),
        epilogue: fc.constantFrom(...epilogues),
        isPaired: fc.boolean(),
        numRows: fc.integer({ min: 1, max: 11 }),
        outputs: fc.integer({ min: 1, max: 70 }),
        column: fc.nat(20),
        k: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1000, max: 2200 })),
        count: fc.constantFrom(0, 1),
        section: fc.nat(3),
      }),
      async ({ seed, count, section, TILE, OUTPUTS, LANES, threads, ...sizes }) => {
        const test = randomCase(seed, sizes)
        const variant = { TILE, OUTPUTS, LANES, ...threads }
        const actual = await run(test, variant, { count, stepOffset: section * 256 })
        const expected = test.y.slice()
        matmul(test.weights, test.x, expected, test)
        expectClose(actual, expected, at => {
          const [row, output] = [Math.floor(at / test.stride), (at % test.stride) - test.column]
          if (output < 0 || output >= test.outputs) return 0
          const first = 1 + magnitude(test, row, output)
          return (
            2e-6 * first * (test.second === undefined ? 1 : 1 + magnitude(test, row, test.second + output))
          )
        })
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it.each(formats)('gives a row the same bits in every tile, thread and company: %s', async format => {
    for (const isPaired of [false, true]) {
      const whole = randomCase(7, { format, numRows: 32, outputs: 37, k: 600, isPaired })
      const reference = bits(await run(whole, { TILE: 1, OUTPUTS: 1, LANES: 16 }))
      // Few and small: what takes long here is the compiler.
      for (const [TILE, OUTPUTS] of [
        [2, 4],
        [3, 1],
        [8, 2],
      ] as const) {
        const variant = { TILE, OUTPUTS, LANES: 4 }
        const threads = [{}, { SLICES: 3 }, ...(subgroups[1] ? [{ SUBGROUPS: true }] : [])]
        for (const more of threads) {
          const actual = await run(whole, { ...variant, ...more })
          expect(bits(actual), JSON.stringify({ ...variant, ...more })).toEqual(reference)
        }
      }
    }
  })

  it('gives a row the same bits for every number of rows, as body and as tail', async () => {
    const whole = randomCase(8, { format: 'q8_0', numRows: 32, outputs: 20, k: 320 })
    const reference = bits(await run(whole, { TILE: 1, OUTPUTS: 1, LANES: 16 }))
    const [width, { stride }] = [whole.weights.columns, whole]
    for (let numRows = 1; numRows <= 32; numRows++) {
      const first = 32 - numRows
      const part = { ...whole, numRows, x: whole.x.slice(first * width), y: whole.y.slice(first * stride) }
      const variant = { TILE: 1 + (numRows % 4), OUTPUTS: 2, LANES: 4 }
      expect(bits(await run(part, variant)), `${numRows} rows`).toEqual(reference.slice(first * stride))

      const tail = bits(await run(part, { ...variant, TILE: 7 }, { bodyTile: 8 }))
      const body = Math.floor(numRows / 8) * 8 * stride
      expect(tail.slice(0, body)).toEqual(bits(part.y).slice(0, body))
      expect(tail.slice(body), `${numRows} rows' tail`).toEqual(reference.slice(first * stride + body))
    }
  })
})

const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)
