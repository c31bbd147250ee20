/** For tests of attention: random caches of several sequences, and the kernels run on them in any variant. */
import { type AttendVariant, attendShape, kernels, mergeParams, partFloats } from '../index'
import type { AttendSizes } from './attend'
import { BLOCK, kvWords, writeKv } from './kv-layout'
import type { Random } from './random'
import { runKernel } from './run-kernel'
import { cutTiles, type Row, writeStep } from './step'
import { bitcastU32, pack2x16float } from './wgsl-builtins'

export interface Cache {
  blocks: Uint32Array<ArrayBuffer> // [sequences, blocksPerSequence]
  kv: Uint32Array<ArrayBuffer>
}

/** Sequences whose blocks lie scattered over a cache of random keys and values. */
export function randomCache(random: Random, sizes: AttendSizes, numSequences: number): Cache {
  const numBlocks = numSequences * sizes.blocksPerSequence + 2
  const blocks = new Uint32Array(random.shuffled(numBlocks).slice(0, numSequences * sizes.blocksPerSequence))
  const kv = new Uint32Array(kvWords(sizes, numBlocks))
  if (sizes.headDim % 8 === 0) {
    const word = () =>
      sizes.kvF16 ? pack2x16float(random.float(), random.float()) : bitcastU32(random.float())
    return { blocks, kv: kv.map(word) }
  }
  for (let slot = 0; slot < numBlocks * BLOCK; slot++) {
    for (let head = 0; head < sizes.kvHeads; head++) {
      for (const half of ['k', 'v'] as const)
        writeKv(kv, sizes, half, slot, head, random.matrix(1, sizes.headDim, sizes.headDim))
    }
  }
  return { blocks, kv }
}

/** The physical place of a sequence's slot. */
export function placeOf(
  { blocks }: Pick<Cache, 'blocks'>,
  sizes: AttendSizes,
  sequence: number,
  slot: number,
) {
  return blocks[sequence * sizes.blocksPerSequence + Math.floor(slot / BLOCK)]! * BLOCK + (slot % BLOCK)
}

export interface Variant extends AttendVariant {
  /** The shape for SwiftShader, not that for GPUs. */
  software: boolean
}

export interface AttentionRun extends Cache {
  rows: readonly Row[]
  q: Float32Array<ArrayBuffer>
}

/** What attend and merge make of it. */
export async function runAttention(
  { rows, q, kv, blocks }: AttentionRun,
  sizes: AttendSizes,
  variant: Variant,
  section = 0,
): Promise<Float32Array<ArrayBuffer>> {
  const { heads, kvHeads, headDim, stride, outStride, window: WINDOW = 0, scoreCap = 0 } = sizes
  const shape = attendShape(sizes, variant, variant.software)
  if (!shape) throw new Error(`No shape for ${JSON.stringify({ ...sizes, ...variant })}.`)
  const step = writeStep(rows, [], [], variant.rows)
  const tiles = cutTiles(rows, variant.rows).length
  const splits = Math.max(...rows.map(({ position }) => Math.floor(position / BLOCK))) + 1
  const layers = variant.walk ? 1 : splits
  const out = new Float32Array(rows.length * outStride)
  // Not zeros: nothing may rest on what lay there.
  const parts = new Float32Array(splits * rows.length * heads * partFloats(sizes)).fill(Number.NaN)
  const memory = new Float32Array(layers * tiles * kvHeads * shape.slices * shape.memory).fill(Number.NaN)
  const attendOut = variant.walk ? out : parts
  const words = new Uint32Array([kvHeads, stride, outStride, bitcastU32(1 / Math.sqrt(headDim))])
  await runKernel({
    kernel: kernels.attend,
    params: { ...shape.params, WINDOW, SCORE_CAP: scoreCap },
    data: [step, q, kv, blocks, attendOut, words, memory],
    groups: [kvHeads * shape.slices, layers, tiles],
    stepOffset: section * 256,
  })
  if (variant.walk) return out
  const params = { ...mergeParams(sizes), WINDOW }
  await runKernel({
    kernel: kernels.merge,
    params,
    data: [step, parts, out, new Uint32Array([heads, outStride, 0, 0])],
    groups: [Math.ceil(heads / params.HEADS), rows.length],
    stepOffset: section * 256,
  })
  return out
}

export const bitsOf = (values: Float32Array) => new Uint32Array(values.slice().buffer)
