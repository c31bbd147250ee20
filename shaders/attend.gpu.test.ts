import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attendTiles } from './index'
import { type AttendSizes, attend, attendParts, merge, partFloats } from './reference/attend'
import {
  type AttentionRun,
  bitsOf,
  placeOf,
  randomCache,
  runAttention,
  type Variant,
} from './reference/attention-case'
import { expectClose } from './reference/expect-close'
import { copySlot } from './reference/kv-layout'
import { padded, Random } from './reference/random'
import { plainRow, type Row, writeStep } from './reference/step'

const numSequences = 3
const blocksPerSequence = 5

interface Model {
  group: number
  kvHeads: number
  headDim: number
  kvF16: boolean
  window?: number
  scoreCap?: number
}

function sizesOf({ group, kvHeads, headDim, kvF16, window = 0, scoreCap = 0 }: Model): AttendSizes {
  const heads = group * kvHeads
  return {
    heads,
    kvHeads,
    headDim,
    kvF16,
    blocksPerSequence,
    window,
    scoreCap,
    stride: padded((heads + 2 * kvHeads) * headDim),
    outStride: padded(heads * headDim),
  }
}

/**
 * Every way of spreading the work that the engine would take for the model, in SwiftShader and on a GPU: there the
 * largest tiles alone where there are many heads, since compiling takes most of the time here.
 */
function variantsOf(sizes: AttendSizes, tree = false): Variant[] {
  const tiles = attendTiles(sizes, false)
  const spreads = [
    ...attendTiles(sizes, true).map(rows => ({ rows, software: true })),
    ...(sizes.heads > 3 ? tiles.slice(-1) : tiles).map(rows => ({ rows, software: false })),
  ]
  return spreads.flatMap(spread => [true, false].map(walk => ({ ...spread, walk, tree })))
}

const runs = fc.array(
  fc.record({
    sequence: fc.nat(numSequences - 1),
    start: fc.oneof(fc.constantFrom(0, 60, 63, 64, 65, 126, 127, 128, 191), fc.nat(250)),
    count: fc.integer({ min: 1, max: 10 }),
  }),
  { minLength: 1, maxLength: 3 },
)

describe('attend and merge', () => {
  it('agree with their references over scattered blocks of several sequences', async () => {
    const model = fc.record({
      group: fc.integer({ min: 1, max: 9 }),
      kvHeads: fc.integer({ min: 1, max: 2 }),
      headDim: fc.constantFrom(6, 8, 12, 64, 80),
      kvF16: fc.boolean(),
      window: fc.constantFrom(0, 1, 40, 64, 100),
      scoreCap: fc.constantFrom(0, 2, 50),
    })
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        model,
        runs,
        amplitude: fc.constantFrom(1, 8),
        pick: fc.nat(),
        section: fc.nat(3),
      }),
      async ({ seed, model, runs, amplitude, pick, section }) => {
        const random = new Random(seed)
        const sizes = sizesOf(model)
        const cache = randomCache(random, sizes, numSequences)
        const rows = runs.flatMap(({ sequence, start, count }) =>
          Array.from({ length: count }, (_, i) => plainRow(sequence, start + i)),
        )
        const q = random.matrix(rows.length, sizes.stride, sizes.stride, amplitude)
        const step = writeStep(rows)
        const expected = new Float32Array(rows.length * sizes.outStride)
        attend({ step, q, ...cache }, expected, sizes)
        const variants = variantsOf(sizes, pick % 3 === 0)
        const actual = await runAttention(
          { rows, q, ...cache },
          sizes,
          variants[pick % variants.length]!,
          section,
        )
        expectClose(actual, expected, { absolute: 1e-5 })
      },
    )
    await fc.assert(property, { numRuns: 8 })
  })

  it('have references that say the same in two kernels as in one', () => {
    const random = new Random(1)
    const sizes = sizesOf({ group: 2, kvHeads: 1, headDim: 12, kvF16: true })
    const cache = randomCache(random, sizes, 1)
    const rows = [5, 63, 64, 200].map(position => plainRow(0, position))
    const step = writeStep(rows)
    const q = random.matrix(rows.length, sizes.stride, sizes.stride)
    const [once, twice] = [new Float32Array(rows.length * 64), new Float32Array(rows.length * 64)]
    attend({ step, q, ...cache }, once, sizes)
    const parts = new Float32Array(4 * rows.length * sizes.heads * partFloats(sizes))
    attendParts({ step, q, ...cache }, parts, sizes)
    merge(step, parts, twice, sizes)
    expect(twice).toEqual(once)
  })
})

const models: Model[] = [
  { group: 3, kvHeads: 1, headDim: 64, kvF16: true },
  { group: 1, kvHeads: 3, headDim: 8, kvF16: false, window: 100 },
  { group: 7, kvHeads: 1, headDim: 80, kvF16: false },
  { group: 4, kvHeads: 2, headDim: 128, kvF16: true, window: 20, scoreCap: 5 },
  { group: 9, kvHeads: 1, headDim: 6, kvF16: true },
]

/** Rows whose queries depend on their sequence and position alone. */
class Book {
  readonly sizes: AttendSizes
  readonly #cache: ReturnType<typeof randomCache>

  constructor(model: Model) {
    this.sizes = sizesOf(model)
    this.#cache = randomCache(new Random(3), this.sizes, numSequences)
  }

  run(rows: readonly Row[]): AttentionRun {
    const { stride } = this.sizes
    const q = new Float32Array(rows.length * stride)
    rows.forEach(({ sequence, position }, i) => {
      q.set(new Random(1000 * sequence + position).matrix(1, stride, stride, 3), i * stride)
    })
    return { rows, q, ...this.#cache }
  }

  async bits(rows: readonly Row[], variant: Variant): Promise<Uint32Array[]> {
    const { outStride } = this.sizes
    const out = bitsOf(await runAttention(this.run(rows), this.sizes, variant))
    return rows.map((_, i) => out.slice(i * outStride, (i + 1) * outStride))
  }
}

const rowsFrom = (sequence: number, start: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => plainRow(sequence, start + i))

const borders = [0, 1, 62, 63, 64, 65, 66, 126, 127, 128, 129, 191, 192, 193, 255, 256]

describe.each(models)('rows of $group x $kvHeads heads of $headDim, f16: $kvF16, window: $window', model => {
  const book = new Book(model)
  // Every spread for every model; whether it walks, in turns: compiling takes most of the time here.
  const inTurns = (tree: boolean): Variant[] =>
    variantsOf(book.sizes, tree).filter((_, i) => (i + Math.floor(i / 2) + models.indexOf(model)) % 2 === 0)
  const variants = inTurns(false)
  const alone = new Map<string, Promise<Uint32Array>>()
  /** The row by itself, its splits merged. */
  const bitsAlone = (row: Row): Promise<Uint32Array> => {
    const key = `${row.sequence} ${row.position}`
    const known = alone.get(key)
    if (known) return known
    const bits = book.bits([row], { rows: 1, walk: false, tree: false, software: true }).then(([b]) => b!)
    alone.set(key, bits)
    return bits
  }
  const expectAlone = async (rows: readonly Row[], variant: Variant): Promise<void> => {
    const together = await book.bits(rows, variant)
    for (const [i, row] of rows.entries()) {
      expect(
        together[i],
        `${JSON.stringify(variant)}, row ${i} of ${rows.length}, at ${row.position}`,
      ).toEqual(await bitsAlone(row))
    }
  }

  it('have the same bits in every variant around every border of splits', async () => {
    const rows = borders.map(position => plainRow(1, position))
    // With trees, SwiftShader's largest tile or a GPU's.
    const tree = inTurns(true).at(-1 - (models.indexOf(model) % 2))!
    for (const variant of [...variants, tree]) await expectAlone(rows, variant)
  })

  it('have the same bits for 1 to 32 rows, at every place in the pass, whatever the company', async () => {
    for (let count = 1; count <= 32; count++) {
      const before = rowsFrom(0, 20, count % 4)
      const rows = [...before, ...rowsFrom(1, 110, count), ...rowsFrom(2, 190, (count * 3) % 5)]
      await expectAlone(rows, variants[(count * 5) % variants.length]!)
    }
  })
})

/** Where node j's parent is an earlier node, or -1 for a child of the last committed token. */
function masksOf(parents: readonly number[]): number[] {
  const masks: number[] = []
  for (const [j, parent] of parents.entries()) masks.push(((masks[parent] ?? 0) | (1 << j)) >>> 0)
  return masks
}

const countBits = (mask: number) => [...mask.toString(2)].filter(bit => bit === '1').length

describe('rows of a draft tree', () => {
  const tree = fc
    .array(fc.nat(), { minLength: 1, maxLength: 32 })
    .map(numbers => numbers.map((n, j) => (n % (j + 1)) - 1))

  it('have the bits of the same tokens in a chain', async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...models),
      tree,
      fc.constantFrom(1, 30, 40, 55, 62, 63, 64, 65, 100, 127, 128, 190),
      fc.nat(),
      async (model, parents, base, pick) => {
        const sizes = sizesOf(model)
        const random = new Random(pick)
        const cache = randomCache(random, sizes, numSequences)
        const masks = masksOf(parents)
        const variants = variantsOf(sizes, true).slice(-4)
        const rows: Row[] = [
          ...rowsFrom(1, 70, pick % 3),
          ...rowsFrom(0, base - 1, 1),
          ...masks.map((mask, j) => ({
            sequence: 0,
            position: base + countBits(mask) - 1,
            slot: placeOf(cache, sizes, 0, base + j),
            tokenAt: base + j,
            tree: { base, mask },
          })),
        ]
        const q = random.matrix(rows.length, sizes.stride, sizes.stride, 3)
        const variant = variants[pick % variants.length]!
        const out = bitsOf(await runAttention({ rows, q, ...cache }, sizes, variant))
        const picked = rows.flatMap(({ tree }, i) => (tree ? [i] : [])).slice(-6)
        for (const i of picked) {
          const plain = { rows: 1, walk: i % 2 === 0, tree: false, software: true }
          const chain = chained(cache, sizes, base, rows[i]!)
          const row = { sequence: 2, position: rows[i]!.position, slot: 0 }
          const own = q.slice(i * sizes.stride, (i + 1) * sizes.stride)
          const alone = bitsOf(await runAttention({ rows: [row], q: own, ...chain }, sizes, plain))
          const bits = out.slice(i * sizes.outStride, (i + 1) * sizes.outStride)
          expect(bits, `${JSON.stringify(variant)}, row ${i} of ${rows.length}`).toEqual(alone)
        }
      },
    )
    await fc.assert(property, { numRuns: 15 })
  })
})

/** The cache with sequence 2 as sequence 0 would be had the row's path been decoded plainly. */
function chained(cache: ReturnType<typeof randomCache>, sizes: AttendSizes, base: number, row: Row) {
  const { mask } = row.tree!
  const nodes = Array.from({ length: 32 }, (_, j) => j).filter(j => (mask >>> j) & 1)
  const kv = cache.kv.slice()
  const copy = (to: number, from: number) =>
    copySlot(kv, sizes, placeOf(cache, sizes, 2, to), placeOf(cache, sizes, 0, from))
  for (let slot = 0; slot < base; slot++) copy(slot, slot)
  for (const [depth, j] of nodes.entries()) copy(base + depth, base + j)
  return { ...cache, kv }
}
