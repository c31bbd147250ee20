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
  isRagged,
  type Placing,
  type ProductCase,
  randomCase,
  rowsOf,
  runProduct,
  tolerance,
} from './reference/product-case'
import { hasSubgroups } from './reference/run-kernel'

interface Variant {
  TILE: number
  OUTPUTS: number
  LANES: number
  /** Of matmul-split.wgsl, with AHEAD. */
  SLICES?: number
  AHEAD?: number
  SUBGROUPS?: boolean
}

function run(test: ProductCase, variant: Variant, placing: Placing = {}) {
  const { TILE, OUTPUTS, LANES, AHEAD } = variant
  const numTiles = placing.bodyTile ? 1 : Math.ceil(test.numRows / TILE)
  const groups = [Math.ceil(test.outputs / (OUTPUTS * LANES)), numTiles] as const
  if (!AHEAD) return runProduct(kernels.matmul, { ...variant }, groups, test, placing)
  const params = { ...variant, EVEN: AHEAD > 1, RAGGED: isRagged(test) }
  return runProduct(kernels.matmulSplit, params, groups, test, placing)
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
          {},
          { SLICES: 16, AHEAD: 1 },
          { SLICES: 9, AHEAD: 4 },
          ...subgroups.map(SUBGROUPS => ({ SUBGROUPS })),
          ...subgroups.filter(has => has).map(SUBGROUPS => ({ SUBGROUPS, isNormed: true })),
        ),
        epilogue: fc.constantFrom(...epilogues),
        isPaired: fc.boolean(),
        gelu: fc.boolean(),
        cap: fc.constantFrom(0, 30),
        numRows: fc.integer({ min: 1, max: 11 }),
        outputs: fc.integer({ min: 1, max: 70 }),
        column: fc.nat(20),
        k: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1000, max: 2200 })),
        count: fc.constantFrom(0, 1),
        section: fc.nat(3),
      }),
      async ({ seed, count, section, TILE, OUTPUTS, LANES, threads, ...sizes }) => {
        const { isNormed = false, ...sharing } = threads as { isNormed?: boolean }
        const test = randomCase(seed, { ...sizes, isNormed })
        const variant = { TILE, OUTPUTS, LANES, ...sharing }
        const actual = await run(test, variant, { count, stepOffset: section * 256 })
        const expected = test.y.slice()
        matmul(test.weights, test.x, expected, test)
        expectClose(actual, expected, at => tolerance(test, at))
      },
    )
    await fc.assert(property, { numRuns: 30 })
  })

  it.skipIf(!subgroups.includes(true))(
    'norms a row to the same bits in every tile, thread and company',
    async () => {
      for (const isPaired of [false, true]) {
        const sizes = { format: 'q8_0', numRows: 21, outputs: 37, k: 590, isPaired, isNormed: true } as const
        const whole = randomCase(11, sizes)
        const one = { TILE: 1, OUTPUTS: 1, LANES: 4, SUBGROUPS: true }
        const reference = bits(await run(whole, one))
        for (const [TILE, OUTPUTS] of [
          [2, 4],
          [5, 2],
        ] as const)
          expect(bits(await run(whole, { ...one, TILE, OUTPUTS })), `${TILE} rows`).toEqual(reference)
        const passing = { ROWS: 8, OUTPUTS: 2, HELD: 2, LANES: 4, SUBGROUPS: true }
        for (const numRows of [21, 3]) {
          const part = rowsOf(whole, 21 - numRows, numRows)
          const groups = [Math.ceil(37 / 8), Math.ceil(numRows / 8)] as const
          const actual = bits(await runProduct(kernels.matmulRows, passing, groups, part))
          expect(actual, `${numRows} rows`).toEqual(reference.slice((21 - numRows) * whole.stride))
        }
      }
    },
  )

  it.each(formatKinds)('gives a row the same bits where rows pass by: %s', async format => {
    // Few: what takes long here is the compiler.
    for (const isPaired of format === 'q8_0' ? [false, true] : [true]) {
      const whole = randomCase(9, { format, numRows: 21, outputs: 37, k: 600, isPaired, gelu: isPaired })
      const reference = bits(await run(whole, { TILE: 2, OUTPUTS: 1, LANES: 16 }))
      for (const { OUTPUTS, HELD, SUBGROUPS } of [
        { OUTPUTS: 1, HELD: 4, SUBGROUPS: false },
        { OUTPUTS: 2, HELD: 2, SUBGROUPS: subgroups.includes(true) },
      ]) {
        const passing = { ROWS: 8, OUTPUTS, HELD, LANES: 4, SUBGROUPS }
        for (const numRows of [21, 16, 3]) {
          const part = rowsOf(whole, 21 - numRows, numRows)
          const groups = [Math.ceil(37 / (4 * OUTPUTS)), Math.ceil(numRows / 8)] as const
          const actual = bits(await runProduct(kernels.matmulRows, passing, groups, part))
          expect(actual, JSON.stringify(passing)).toEqual(reference.slice((21 - numRows) * whole.stride))
        }
      }
    }
  })

  it.each(formatKinds)('gives a row the same bits in every tile, thread and company: %s', async format => {
    for (const isPaired of format === 'q8_0' ? [false, true] : [false]) {
      const whole = randomCase(7, { format, numRows: 32, outputs: 37, k: 600, isPaired })
      const reference = bits(await run(whole, { TILE: 1, OUTPUTS: 1, LANES: 16 }))
      // Few and small: what takes long here is the compiler. All with all for one format, for the others in turns.
      const threads = [{}, { SLICES: 3, AHEAD: 2 }, ...(subgroups[1] ? [{ SUBGROUPS: true }] : [])]
      const tiles = [
        { TILE: 2, OUTPUTS: 4 },
        { TILE: 3, OUTPUTS: 1 },
        { TILE: 8, OUTPUTS: 2 },
      ]
      for (const [i, tile] of tiles.entries()) {
        for (const [j, thread] of threads.entries()) {
          if (format !== 'q8_0' && (i + j + formatKinds.indexOf(format)) % threads.length !== 0) continue
          const variant = { ...tile, ...thread, LANES: 4 }
          expect(bits(await run(whole, variant)), JSON.stringify(variant)).toEqual(reference)
        }
      }
    }
  })

  const some = ['q8_0', 'q5_k'] as const
  it.each(some)(
    'gives a row the same bits for every number of rows, as body and as tail: %s',
    async format => {
      const whole = randomCase(8, { format, numRows: 32, outputs: 20, k: 320 })
      const reference = bits(await run(whole, { TILE: 1, OUTPUTS: 1, LANES: 16 }))
      const { stride } = whole
      for (let numRows = 1; numRows <= 32; numRows++) {
        const first = 32 - numRows
        const part = rowsOf(whole, first, numRows)
        const variant = { TILE: 1 + (numRows % 4), OUTPUTS: 2, LANES: 4 }
        expect(bits(await run(part, variant)), `${numRows} rows`).toEqual(reference.slice(first * stride))

        const tail = bits(await run(part, { ...variant, TILE: 7 }, { bodyTile: 8 }))
        const body = Math.floor(numRows / 8) * 8 * stride
        expect(tail.slice(0, body)).toEqual(bits(part.y).slice(0, body))
        expect(tail.slice(body), `${numRows} rows' tail`).toEqual(reference.slice(first * stride + body))
      }
    },
  )
})
