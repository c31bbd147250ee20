import fc from 'fast-check'
import { expect, it } from 'vitest'
import { chunksOf, kernels } from './index'
import { expectClose } from './reference/expect-close'
import { kvWords } from './reference/kv-layout'
import { padded, Random } from './reference/random'
import { type RopeSizes, ropeAppend } from './reference/rope-append'
import { runKernel } from './reference/run-kernel'
import { writeStep } from './reference/step'
import { bitcastF32, pack2x16float, unpack2x16float } from './reference/wgsl-builtins'

const numBlocks = 5
const context = 256

/** cos and sin of position / 10000^(2i / ropeDim). */
function ropeTable(ropeDim: number): Float32Array<ArrayBuffer> {
  const half = ropeDim / 2
  return new Float32Array(context * ropeDim).map((_, i) => {
    const angle = Math.floor(i / 2 / half) / 10_000 ** ((Math.floor(i / 2) % half) / half)
    return i % 2 ? Math.sin(angle) : Math.cos(angle)
  })
}

async function runRope(arrays: RopeArrays, sizes: RopeSizes, section: number): Promise<void> {
  const { heads, kvHeads, headDim, ropeDim, stride, neox, kvF16, rotates = true, qkvBias, qkNorm } = sizes
  const { step, table, qkv, kv } = arrays
  await runKernel({
    kernel: kernels.ropeAppend,
    params: {
      NEOX: neox,
      ROPE_DIM: ropeDim,
      ROTATES: rotates,
      QKV_BIAS: qkvBias !== undefined,
      QK_NORM: qkNorm !== undefined,
      NORM_EPSILON: qkNorm?.epsilon ?? 0,
      KV_F16: kvF16,
      HEAD_DIM: headDim,
      CHUNKS: chunksOf(sizes),
      WORKGROUP: section % 2 ? 64 : 16,
    },
    data: [
      step,
      table,
      qkv,
      kv,
      new Uint32Array([heads, kvHeads, stride, 0]),
      (qkvBias ?? qkNorm?.weights ?? table) as Float32Array<ArrayBuffer>,
    ],
    groups: [step[0]!],
    stepOffset: section * 256,
  })
}

interface RopeArrays {
  step: Uint32Array<ArrayBuffer>
  table: Float32Array<ArrayBuffer>
  qkv: Float32Array<ArrayBuffer>
  kv: Uint32Array<ArrayBuffer>
}

function numbers(kv: Uint32Array, kvF16: boolean): Float32Array {
  if (!kvF16) return Float32Array.from(kv, bitcastF32)
  return new Float32Array(2 * kv.length).map((_, i) => unpack2x16float(kv[i >> 1]!)[i & 1]!)
}

const cases = fc.record({
  seed: fc.nat(),
  slots: fc.uniqueArray(fc.nat(numBlocks * 64 - 1), { minLength: 1, maxLength: 9 }),
  group: fc.integer({ min: 1, max: 4 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  headDim: fc.constantFrom(4, 8, 12, 64, 80, 128),
  share: fc.constantFrom(0.5, 1),
  kvF16: fc.boolean(),
  neox: fc.boolean(),
  rotates: fc.boolean(),
  before: fc.constantFrom('nothing', 'biases', 'norms'),
  section: fc.nat(3),
})

it('rope-append agrees with its reference: biases, norms, whole heads and part of them, both orders of pairs', async () => {
  const property = fc.asyncProperty(
    cases,
    async ({ seed, slots, group, kvHeads, headDim, share, section, before, ...same }) => {
      const random = new Random(seed)
      const heads = group * kvHeads
      const ropeDim = headDim * share
      const columns = (heads + 2 * kvHeads) * headDim
      const sizes: RopeSizes = { heads, kvHeads, headDim, ropeDim, stride: padded(columns), ...same }
      if (before === 'biases') sizes.qkvBias = random.matrix(1, columns, columns)
      if (before === 'norms') {
        sizes.qkNorm = { weights: random.matrix(1, 2 * headDim, 2 * headDim), epsilon: 1e-6 }
      }
      const rows = slots.map(slot => ({ sequence: 0, position: random.integer(0, context - 1), slot }))
      const arrays: RopeArrays = {
        step: writeStep(rows),
        table: ropeTable(ropeDim),
        qkv: random.matrix(slots.length, columns, sizes.stride),
        kv: new Uint32Array(kvWords(sizes, numBlocks)),
      }
      const [qkv, kv] = [arrays.qkv.slice(), arrays.kv.slice()]
      ropeAppend(arrays.step, arrays.table, qkv, kv, sizes)
      await runRope(arrays, sizes, section)
      const absolute = before === 'norms' ? 1e-5 : 1e-6
      expectClose(arrays.qkv, qkv, { absolute })
      // f16: WGSL leaves the direction of rounding open.
      const tolerance = same.kvF16 ? { relative: 1e-3, absolute: 1e-4 } : { absolute }
      expectClose(numbers(arrays.kv, same.kvF16), numbers(kv, same.kvF16), tolerance)
    },
  )
  await fc.assert(property, { numRuns: 40 })
})

it('rope-append keeps infinity out of an f16 cache', async () => {
  const sizes = { heads: 1, kvHeads: 1, headDim: 8, ropeDim: 8, stride: 64, neox: false, kvF16: true }
  const arrays: RopeArrays = {
    step: writeStep([{ sequence: 0, position: 0, slot: 0 }]),
    table: ropeTable(8),
    qkv: new Float32Array(64).map((_, i) => (i < 24 ? (i % 2 ? 1e6 : -1e6) : 0)),
    kv: new Uint32Array(kvWords(sizes, 1)),
  }
  await runRope(arrays, sizes, 0)
  const stored = arrays.kv.filter(word => word !== 0)
  expect(new Set(stored)).toEqual(new Set([pack2x16float(-65504, 65504)]))
  expect(stored).toHaveLength(8)
})
