import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { type AttendSizes, attend } from './reference/attend'
import { expectClose } from './reference/expect-close'
import { padded, Random } from './reference/random'
import { type RopeSizes, ropeAppend } from './reference/rope-append'
import { runKernel } from './reference/run-kernel'
import { plainRow, type Row, writeStep } from './reference/step'
import { bitcastU32, pack2x16float, unpack2x16float } from './reference/wgsl-builtins'

const BLOCK = 64
const numSequences = 3
const blocksPerSequence = 4
const numBlocks = 14

/** Positions around the borders of blocks, and any others. */
const position = fc.oneof(fc.constantFrom(0, 62, 63, 64, 65, 127, 128, 191, 192), fc.nat(255))
const places = fc.uniqueArray(fc.record({ sequence: fc.nat(numSequences - 1), position }), {
  minLength: 1,
  maxLength: 9,
  selector: ({ sequence, position }) => sequence * 256 + position,
})
const shapes = fc.record({
  seed: fc.nat(),
  places,
  group: fc.integer({ min: 1, max: 4 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  headDim: fc.constantFrom(8, 16, 64, 80, 128),
  kvF16: fc.boolean(),
  section: fc.nat(3),
})

/** Blocks of the sequences, scattered over the cache. */
function blockTable(random: Random): Uint32Array<ArrayBuffer> {
  return new Uint32Array(random.shuffled(numBlocks).slice(0, numSequences * blocksPerSequence))
}

function rowsAt(blocks: Uint32Array, places: readonly { sequence: number; position: number }[]): Row[] {
  return places.map(({ sequence, position }) => {
    const block = blocks[sequence * blocksPerSequence + Math.floor(position / BLOCK)]!
    return plainRow(sequence, position, block * BLOCK + (position % BLOCK))
  })
}

function randomKv(random: Random, kvHeads: number, headDim: number, kvF16: boolean) {
  const numElements = numBlocks * 2 * kvHeads * BLOCK * headDim
  if (!kvF16) return new Float32Array(numElements).map(() => random.float())
  return new Uint32Array(numElements / 2).map(() => pack2x16float(random.float(), random.float()))
}

const kvParams = (kvF16: boolean) => ({ KV_F16: kvF16, KV_WORD: kvF16 ? 'u32' : 'f32' })

/** cos and sin of position / 10000^(2i / ropeDim). */
function ropeTable(context: number, ropeDim: number): Float32Array<ArrayBuffer> {
  const half = ropeDim / 2
  return new Float32Array(context * ropeDim).map((_, i) => {
    const angle = Math.floor(i / 2 / half) / 10_000 ** ((Math.floor(i / 2) % half) / half)
    return i % 2 ? Math.sin(angle) : Math.cos(angle)
  })
}

async function runRope(
  step: Uint32Array<ArrayBuffer>,
  arrays: RopeArrays,
  sizes: RopeSizes,
  section: number,
) {
  const { heads, kvHeads, headDim, ropeDim, qStride, kvStride, neox, kvF16 } = sizes
  const { table, q, k, v, kv } = arrays
  await runKernel({
    kernel: kernels.ropeAppend,
    params: { NEOX: neox, ...kvParams(kvF16) },
    data: [
      step,
      table,
      q,
      k,
      v,
      kv,
      new Uint32Array([heads, kvHeads, headDim, ropeDim, qStride, kvStride, 0, 0]),
    ],
    groups: [step[0]!],
    stepOffset: section * 256,
  })
}

interface RopeArrays {
  table: Float32Array<ArrayBuffer>
  q: Float32Array<ArrayBuffer>
  k: Float32Array<ArrayBuffer>
  v: Float32Array<ArrayBuffer>
  kv: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
}

const halves = (words: Uint32Array | Float32Array) =>
  new Float32Array(2 * words.length).map((_, i) => unpack2x16float(words[i >> 1]!)[i & 1]!)

describe('rope-append', () => {
  it('agrees with its reference, whole heads and part of them, in both orders of pairs', async () => {
    const property = fc.asyncProperty(
      shapes,
      fc.boolean(),
      fc.constantFrom(0.5, 1),
      async ({ seed, places, group, kvHeads, headDim, kvF16, section }, neox, share) => {
        const random = new Random(seed)
        const heads = group * kvHeads
        const qStride = padded(heads * headDim)
        const kvStride = padded(kvHeads * headDim)
        const ropeDim = headDim * share
        const step = writeStep(rowsAt(blockTable(random), places))
        const arrays: RopeArrays = {
          table: ropeTable(256, ropeDim),
          q: random.matrix(places.length, heads * headDim, qStride),
          k: random.matrix(places.length, kvHeads * headDim, kvStride),
          v: random.matrix(places.length, kvHeads * headDim, kvStride),
          kv: randomKv(random, kvHeads, headDim, kvF16),
        }
        const sizes = { heads, kvHeads, headDim, ropeDim, qStride, kvStride, neox, kvF16 }
        const [q, kv] = [arrays.q.slice(), arrays.kv.slice()]
        ropeAppend(step, arrays.table, q, arrays.k, arrays.v, kv, sizes)
        await runRope(step, arrays, sizes, section)
        expectClose(arrays.q, q, { absolute: 1e-6 })
        // f16: WGSL leaves the direction of rounding open.
        if (kvF16) expectClose(halves(arrays.kv), halves(kv), { relative: 1e-3, absolute: 1e-4 })
        else expectClose(arrays.kv as Float32Array, kv as Float32Array, { absolute: 1e-6 })
      },
    )
    await fc.assert(property, { numRuns: 25 })
  })
})

interface AttendArrays {
  q: Float32Array<ArrayBuffer>
  kv: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
  blocks: Uint32Array<ArrayBuffer>
}

async function runAttend(rows: readonly Row[], arrays: AttendArrays, sizes: AttendSizes, section = 0) {
  const { heads, kvHeads, headDim, stride, kvF16 } = sizes
  const out = new Float32Array(rows.length * stride)
  const scale = bitcastU32(1 / Math.sqrt(headDim))
  await runKernel({
    kernel: kernels.attend,
    params: {
      HEAD_DIM: headDim,
      PAIRS: Math.ceil(headDim / 128),
      BLOCKS_PER_SEQUENCE: sizes.blocksPerSequence,
      ...kvParams(kvF16),
    },
    data: [
      writeStep(rows),
      arrays.q,
      arrays.kv,
      arrays.blocks,
      out,
      new Uint32Array([heads, kvHeads, stride, scale]),
    ],
    groups: [heads, rows.length],
    stepOffset: section * 256,
  })
  return out
}

describe('attend', () => {
  it('agrees with its reference over scattered blocks of several sequences', async () => {
    const property = fc.asyncProperty(
      shapes,
      fc.constantFrom(1, 8),
      async ({ seed, places, group, kvHeads, headDim, kvF16, section }, amplitude) => {
        const random = new Random(seed)
        const heads = group * kvHeads
        const stride = padded(heads * headDim)
        const sizes = { heads, kvHeads, headDim, stride, blocksPerSequence, kvF16 }
        const blocks = blockTable(random)
        const kv = randomKv(random, kvHeads, headDim, kvF16)
        const q = random.matrix(places.length, heads * headDim, stride, amplitude)
        const rows = rowsAt(blocks, places)
        const expected = new Float32Array(places.length * stride)
        attend(writeStep(rows), q, kv, blocks, expected, sizes)
        expectClose(await runAttend(rows, { q, kv, blocks }, sizes, section), expected, { absolute: 1e-5 })
      },
    )
    await fc.assert(property, { numRuns: 25 })
  })

  it.each([false, true])('gives a row the same bits alone and in company (f16: %s)', async kvF16 => {
    const random = new Random(5)
    const sizes = { heads: 4, kvHeads: 2, headDim: 16, stride: 64, blocksPerSequence, kvF16 }
    const blocks = blockTable(random)
    const kv = randomKv(random, 2, 16, kvF16)
    const positions = [0, 1, 62, 63, 64, 65, 127, 128, 129, 200, 255]
    const rows = rowsAt(
      blocks,
      positions.map((position, i) => ({ sequence: i % numSequences, position })),
    )
    const q = random.matrix(rows.length, 64, 64, 4)
    const together = await runAttend(rows, { q, kv, blocks }, sizes)
    for (const [i, row] of rows.entries()) {
      const alone = await runAttend([row], { q: q.slice(i * 64, (i + 1) * 64), kv, blocks }, sizes)
      expect(alone).toEqual(together.slice(i * 64, (i + 1) * 64))
    }
  })
})
