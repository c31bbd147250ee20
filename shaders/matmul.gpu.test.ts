import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatParams, kernels, type WeightFormat } from './index'
import { expectClose } from './reference/expect-close'
import { matmul } from './reference/matmul'
import { padded, Random } from './reference/random'
import { columnsFor, randomWeights } from './reference/random-weights'
import { runKernel } from './reference/run-kernel'
import { BLOCK_COLUMNS, scaleOf, unpack, type Weights } from './reference/weight-format'

const formats = Object.keys(formatParams) as WeightFormat[]

interface Case {
  weights: Weights
  x: Float32Array<ArrayBuffer>
  y: Float32Array<ArrayBuffer>
  numRows: number
  outputs: number
  stride: number
}

interface Variant {
  TILE: number
  OUTPUTS: number
  WORKGROUP?: number
  ACCUMULATE?: boolean
}

function randomCase(seed: number, format: WeightFormat, numRows: number, outputs: number, k: number): Case {
  const random = new Random(seed)
  const columns = columnsFor(format, k)
  const stride = padded(outputs)
  return {
    weights: randomWeights(random, format, outputs, columns),
    x: random.matrix(numRows, columns, padded(columns)),
    y: random.matrix(numRows, outputs, stride),
    numRows,
    outputs,
    stride,
  }
}

/** What the kernel makes of y. */
async function run({ weights, x, y, ...sizes }: Case, variant: Variant, count = 0, stepOffset = 0) {
  const { TILE, OUTPUTS, WORKGROUP = 32 } = variant
  const result = y.slice()
  const step = new Uint32Array(8)
  step[count] = sizes.numRows
  const shape = new Uint32Array([sizes.outputs, weights.blocks, sizes.stride, 0])
  await runKernel({
    kernel: kernels.matmul,
    params: { ...formatParams[weights.format], ...variant, WORKGROUP, COUNT: count },
    data: [step, weights.quants, weights.scales, x, result, shape],
    groups: [Math.ceil(sizes.outputs / (OUTPUTS * WORKGROUP)), Math.ceil(sizes.numRows / TILE)],
    stepOffset,
  })
  return result
}

/** Sum of |weight * x| of one element of y. */
function magnitude({ weights, x }: Case, row: number, output: number): number {
  let sum = 0
  for (let k = 0; k < weights.blocks * BLOCK_COLUMNS; k++) {
    const block = output * weights.blocks + Math.floor(k / BLOCK_COLUMNS)
    const weight = unpack(weights, block, k % BLOCK_COLUMNS) * scaleOf(weights, block)
    sum += Math.abs(weight * x[row * weights.blocks * BLOCK_COLUMNS + k]!)
  }
  return sum
}

describe('matmul', () => {
  it('agrees with its reference', async () => {
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        format: fc.constantFrom(...formats),
        TILE: fc.constantFrom(1, 2, 4, 8),
        OUTPUTS: fc.constantFrom(1, 2, 4),
        ACCUMULATE: fc.boolean(),
        numRows: fc.integer({ min: 1, max: 19 }),
        outputs: fc.integer({ min: 1, max: 150 }),
        k: fc.integer({ min: 1, max: 200 }),
        count: fc.constantFrom(0, 1),
        section: fc.nat(3),
      }),
      async ({ seed, format, numRows, outputs, k, count, section, ...variant }) => {
        const test = randomCase(seed, format, numRows, outputs, k)
        const actual = await run(test, variant, count, section * 256)
        const expected = test.y.slice()
        matmul(test.weights, test.x, expected, { ...test, accumulate: variant.ACCUMULATE })
        expectClose(actual, expected, at => {
          const [row, output] = [Math.floor(at / test.stride), at % test.stride]
          return output < outputs ? 1e-6 * (1 + magnitude(test, row, output)) : 0
        })
      },
    )
    await fc.assert(property, { numRuns: 30 })
  })

  it.each(formats)('gives a row the same bits in every tile and company: %s', async format => {
    const whole = randomCase(7, format, 11, 37, 172)
    const reference = bits(await run(whole, { TILE: 1, OUTPUTS: 1 }))
    for (const TILE of [1, 2, 4, 8]) {
      for (const OUTPUTS of [1, 2, 4]) {
        expect(bits(await run(whole, { TILE, OUTPUTS })), `${TILE} x ${OUTPUTS}`).toEqual(reference)
      }
    }
    const width = whole.x.length / whole.numRows
    for (let numRows = 1; numRows < whole.numRows; numRows++) {
      const first = whole.numRows - numRows
      const part = {
        ...whole,
        numRows,
        x: whole.x.slice(first * width),
        y: whole.y.slice(first * whole.stride),
      }
      const actual = await run(part, { TILE: [1, 2, 4, 8][numRows % 4]!, OUTPUTS: 4, WORKGROUP: 16 })
      expect(bits(actual), `${numRows} rows`).toEqual(reference.slice(first * whole.stride))
    }
  })
})

const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)
