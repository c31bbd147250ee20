import fc from 'fast-check'
import { expect, it } from 'vitest'
import { attendShape, chunksOf, kernels } from './index'
import type { AttendSizes } from './reference/attend'
import { bitsOf, placeOf, randomCache, runAttention } from './reference/attention-case'
import { padded, Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { writeStep } from './reference/step'
import { bitcastU32 } from './reference/wgsl-builtins'

const numSequences = 3
const context = 320

const models: Model[] = [
  { group: 3, kvHeads: 1, headDim: 64, ropeDim: 64, kvF16: true, neox: false, before: 'QKV_BIAS' },
  { group: 2, kvHeads: 4, headDim: 8, ropeDim: 8, kvF16: false, neox: true, before: 'QK_NORM', window: 40 },
  { group: 7, kvHeads: 1, headDim: 80, ropeDim: 40, kvF16: true, neox: true, before: 'QK_NORM' },
  { group: 1, kvHeads: 2, headDim: 6, ropeDim: 4, kvF16: false, neox: false },
]

interface Model {
  group: number
  kvHeads: number
  headDim: number
  kvF16: boolean
  ropeDim: number
  neox: boolean
  /** What happens to heads before they rotate. */
  before?: 'QKV_BIAS' | 'QK_NORM'
  window?: number
}

/** Positions around every border of splits, each sequence at its own. */
const rowsAt = fc.uniqueArray(fc.nat(numSequences - 1), { minLength: 1 }).chain(sequences =>
  fc.tuple(
    ...sequences.map(sequence =>
      fc.record({
        sequence: fc.constant(sequence),
        position: fc.oneof(fc.constantFrom(0, 1, 31, 32, 62, 63, 64, 65, 127, 128, 192), fc.nat(context - 1)),
      }),
    ),
  ),
)

it('attend-appending leaves the bits of rope-append, attend and merge, in its output and in the cache', async () => {
  const property = fc.asyncProperty(fc.constantFrom(...models), rowsAt, fc.nat(), async (model, at, seed) => {
    const { group, kvHeads, headDim, ropeDim, kvF16, neox, before, window = 0 } = model
    const heads = group * kvHeads
    const columns = (heads + 2 * kvHeads) * headDim
    const [stride, outStride] = [padded(columns), padded(heads * headDim)]
    const strides = { stride, outStride }
    const sizes: AttendSizes = { heads, kvHeads, headDim, kvF16, blocksPerSequence: 5, window, ...strides }
    const random = new Random(seed)
    const cache = randomCache(random, sizes, numSequences)
    const rows = at.map(row => ({ ...row, slot: placeOf(cache, sizes, row.sequence, row.position) }))
    const step = writeStep(rows)
    const qkv = random.matrix(rows.length, columns, stride, 3)
    const table = random.matrix(context, ropeDim, ropeDim)
    const rope = { NEOX: neox, ROPE_DIM: ropeDim, ...(before && { [before]: true }) }
    const headWeights = random.matrix(1, columns, columns)

    const [ownQkv, ownKv] = [qkv.slice(), cache.kv.slice()]
    const out = new Float32Array(rows.length * outStride)
    const shape = attendShape(sizes, { rows: 1, walk: true, tree: false, append: true }, true)!
    await runKernel({
      kernel: kernels.attendAppending,
      params: { ...shape.params, ...rope, WINDOW: window },
      data: [
        step,
        ownQkv,
        ownKv,
        cache.blocks,
        out,
        new Uint32Array([kvHeads, stride, outStride, bitcastU32(1 / Math.sqrt(headDim))]),
        new Float32Array(rows.length * kvHeads * shape.memory).fill(Number.NaN),
        table,
        headWeights,
      ],
      groups: [kvHeads, 1, rows.length],
    })

    await runKernel({
      kernel: kernels.ropeAppend,
      params: { ...rope, KV_F16: kvF16, HEAD_DIM: headDim, CHUNKS: chunksOf(sizes), WORKGROUP: 16 },
      data: [step, table, qkv, cache.kv, new Uint32Array([heads, kvHeads, stride, 0]), headWeights],
      groups: [rows.length],
    })
    const variant = { rows: 1, walk: false, tree: false, software: true }
    const apart = await runAttention({ rows, q: qkv, ...cache }, sizes, variant)
    expect(bitsOf(out)).toEqual(bitsOf(apart))
    expect(ownKv).toEqual(cache.kv)
  })
  await fc.assert(property, { numRuns: 24 })
})
