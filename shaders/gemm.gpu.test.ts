import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { expectClose } from './reference/expect-close'
import { matmul } from './reference/matmul'
import {
  bits,
  epilogues,
  formatKinds,
  formats,
  type Placing,
  type ProductCase,
  randomCase,
  rowsOf,
  runProduct,
  tolerance,
} from './reference/product-case'

interface Tile {
  BM: number
  BN: number
  TM: number
  TN: number
  SLICE: number
}

// Few, and small: what takes long here is the compiler.
const small: Tile = { BM: 16, BN: 8, TM: 2, TN: 2, SLICE: 1 }
const flat: Tile = { BM: 8, BN: 32, TM: 1, TN: 2, SLICE: 2 }
const large: Tile = { BM: 64, BN: 64, TM: 4, TN: 4, SLICE: 1 } // as a GPU has it

function run(test: ProductCase, tile: Tile, placing: Placing = {}) {
  const groups = [Math.ceil(test.outputs / tile.BN), Math.ceil(test.numRows / tile.BM)] as const
  return runProduct(kernels.gemm, { ...tile }, groups, test, placing)
}

/** The bits that the rows have in a decode step. */
async function rowByRow(test: ProductCase) {
  const variant = { TILE: 2, OUTPUTS: 1, LANES: 4 }
  const groups = [Math.ceil(test.outputs / 4), Math.ceil(test.numRows / 2)] as const
  return bits(await runProduct(kernels.matmul, variant, groups, test))
}

describe('gemm', () => {
  it('agrees with its reference', async () => {
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        format: fc.constantFrom(...formats),
        epilogue: fc.constantFrom(...epilogues),
        isPaired: fc.boolean(),
        numRows: fc.integer({ min: 1, max: 40 }),
        outputs: fc.integer({ min: 1, max: 20 }),
        column: fc.nat(20),
        k: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1000, max: 2200 })),
        count: fc.constantFrom(0, 1),
        section: fc.nat(3),
      }),
      async ({ seed, count, section, ...sizes }) => {
        const test = randomCase(seed, sizes)
        const actual = await run(test, small, { count, stepOffset: section * 256 })
        const expected = test.y.slice()
        matmul(test.weights, test.x, expected, test)
        expectClose(actual, expected, at => tolerance(test, at))
      },
    )
    await fc.assert(property, { numRuns: 20 })
  })

  it.each(formatKinds)('gives a row the bits of matmul, in every tile and chunk: %s', async format => {
    for (const isPaired of [false, true]) {
      for (const [k, outputs, ...chunks] of [
        [64, 67, 33, 64, 100, 256],
        [600, 37, 100, 256],
        [2200, 5, 33, 64],
      ] as const) {
        const largest = chunks.at(-1)!
        const sizes = { format, numRows: largest, outputs, k, isPaired, epilogue: 'add' } as const
        const whole = randomCase(k, sizes)
        const expected = await rowByRow(whole)
        for (const numRows of chunks) {
          const first = (largest - numRows) >> 1
          const tile = numRows === 64 && !isPaired ? flat : small
          const actual = bits(await run(rowsOf(whole, first, numRows), tile))
          const at = first * whole.stride
          expect(actual, `${numRows} rows of ${k}`).toEqual(expected.slice(at, at + actual.length))
        }
      }
    }
  })

  it('gives a row the bits of matmul in the tile of a GPU', async () => {
    for (const isPaired of [false, true]) {
      const whole = randomCase(9, { format: 'q8_0', numRows: 100, outputs: 130, k: 1100, isPaired })
      const tile = isPaired ? { ...large, BN: 32, TN: 2 } : large
      expect(bits(await run(whole, tile))).toEqual(await rowByRow(whole))
    }
  })
})
