/** Products of integers (`numerics: 'fast'`): what quantise.wgsl makes of x, and what the products make of that. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { INTEGER_FEATURE, kernels } from './index'
import { expectClose } from './reference/expect-close'
import { matmul } from './reference/matmul'
import {
  bits,
  epilogues,
  formatKinds,
  integerFormats,
  isRagged,
  type ProductCase,
  randomCase,
  rowsOf,
  runProduct,
  tolerance,
} from './reference/product-case'
import { quantiseRows } from './reference/quantise'
import { padded, Random } from './reference/random'
import { runKernel } from './reference/run-kernel'

const hasFeature = navigator.gpu.wgslLanguageFeatures.has(INTEGER_FEATURE)

interface Variant {
  TILE: number
  OUTPUTS: number
  /** Of matmul-split.wgsl. */
  SLICES?: number
}

const LANES = 4

function run(test: ProductCase, { TILE, OUTPUTS, SLICES }: Variant) {
  const groups = [Math.ceil(test.outputs / (OUTPUTS * LANES)), Math.ceil(test.numRows / TILE)] as const
  if (!SLICES) return runProduct(kernels.matmul, { TILE, OUTPUTS, LANES }, groups, test)
  const params = { TILE, OUTPUTS, LANES, SLICES, AHEAD: 2, EVEN: true, RAGGED: isRagged(test) }
  return runProduct(kernels.matmulSplit, params, groups, test)
}

describe.skipIf(!hasFeature)(`integers (need WGSL's ${INTEGER_FEATURE})`, () => {
  it('round to the nearest, by the largest of a group', async () => {
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        numRows: fc.integer({ min: 1, max: 5 }),
        columns: fc.integer({ min: 1, max: 1200 }),
        amplitude: fc.constantFrom(0, 1e-36, 1e-3, 1, 1e4),
        section: fc.nat(3),
      }),
      async ({ seed, numRows, columns, amplitude, section }) => {
        const random = new Random(seed)
        const x = random.matrix(numRows, columns, padded(columns), amplitude)
        const actual = new Uint32Array(x.length / 2)
        const numGroups = padded(columns) / 16
        await runKernel({
          kernel: kernels.quantise,
          data: [new Uint32Array(8), x, actual, new Uint32Array([numGroups, 0, 0, 0])],
          groups: [Math.ceil(numGroups / 64), numRows],
          stepOffset: section * 256,
        })
        const expected = quantiseRows(x, padded(columns))
        const [numbers, wanted] = [new Int8Array(actual.buffer), new Int8Array(expected.buffer)]
        const [floats, wantedFloats] = [new Float32Array(actual.buffer), new Float32Array(expected.buffer)]
        for (let group = 0; group < numRows * numGroups; group++) {
          const scale = floats[group * 8 + 4]!
          expect(scale).toBeCloseTo(wantedFloats[group * 8 + 4]!, 6)
          for (let i = 0; i < 16; i++) {
            const number = numbers[group * 32 + i]!
            // A division may be off by a few ulp: a number that is halfway then falls on the other side.
            expect(Math.abs(number - wanted[group * 32 + i]!)).toBeLessThanOrEqual(1)
            expect(Math.abs(number * scale - x[group * 16 + i]!)).toBeLessThanOrEqual(0.5001 * scale + 1e-30)
          }
          const sum = numbers.subarray(group * 32, group * 32 + 16).reduce((a, b) => a + b, 0)
          expect(floats[group * 8 + 5]).toBe(Math.fround(scale * sum))
        }
      },
    )
    await fc.assert(property, { numRuns: 20 })
  })

  it('give products that agree with their reference', async () => {
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        format: fc.constantFrom(...integerFormats),
        TILE: fc.constantFrom(1, 3),
        epilogue: fc.constantFrom(...epilogues),
        isPaired: fc.boolean(),
        numRows: fc.integer({ min: 1, max: 7 }),
        outputs: fc.integer({ min: 1, max: 40 }),
        column: fc.nat(20),
        k: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1000, max: 2200 })),
      }),
      async ({ seed, TILE, ...sizes }) => {
        const test = randomCase(seed, { ...sizes, integers: true })
        const actual = await run(test, { TILE, OUTPUTS: 2 })
        const expected = test.y.slice()
        matmul(test.weights, test.x, expected, test)
        expectClose(actual, expected, at => tolerance(test, at))
      },
    )
    await fc.assert(property, { numRuns: 20 })
  })

  const kinds = formatKinds.filter(format => integerFormats.includes(format))
  it.each(kinds)('give a row the same bits in every tile, thread and company: %s', async format => {
    const isPaired = format === 'q8_0'
    const whole = randomCase(7, { format, numRows: 40, outputs: 37, k: 600, isPaired, integers: true })
    const expected = bits(await run(whole, { TILE: 1, OUTPUTS: 1 }))
    for (const variant of [
      { TILE: 3, OUTPUTS: 2 },
      { TILE: 8, OUTPUTS: 1, SLICES: 3 },
    ]) {
      expect(bits(await run(whole, variant)), JSON.stringify(variant)).toEqual(expected)
    }
    for (const numRows of [40, 17, 5]) {
      const first = 40 - numRows
      const part = rowsOf(whole, first, numRows)
      const ofPart = expected.slice(first * whole.stride)
      const passing = { ROWS: 8, OUTPUTS: 2, HELD: 2, LANES }
      const groups = [Math.ceil(37 / (LANES * 2)), Math.ceil(numRows / 8)] as const
      expect(bits(await runProduct(kernels.matmulRows, passing, groups, part))).toEqual(ofPart)
      const tile = { BM: 16, BN: 8, TM: 2, TN: 2, SLICE: isPaired ? 1 : 2 }
      const tiles = [Math.ceil(37 / 8), Math.ceil(numRows / 16)] as const
      expect(bits(await runProduct(kernels.gemm, tile, tiles, part))).toEqual(ofPart)
    }
  })
})
