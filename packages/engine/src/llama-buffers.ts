/** The buffers that a model works in, planned from its shape. */
import { BLOCK_SIZE, blocksFor } from '@foretoken/scheduler'
import { type AttendModel, chunksOf, QUANTISED_COLUMN_BYTES } from '@foretoken/shaders'
import { paddedColumns } from '@foretoken/weights'
import { type DeviceLimits, type PlannedAttention, planAttentionBuffers } from './attention-buffers'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import type { ModelConfig } from './model-config'
import type { Sizes } from './resident'

const CHUNK_BYTES = 16

export type KvType = 'f16' | 'f32'
export type Numerics = 'exact' | 'fast'

/** Activations: one row per query position, rows padded to whole segments; the padding stays zero. */
export interface Activations<Buffer = GPUBuffer> {
  hidden: Buffer // [rows, dim]
  normed: Buffer // [rows, dim]
  qkv: Buffer // [rows, q heads | k heads | v heads]
  attended: Buffer // [rows, heads * headDim]
  gated: Buffer // [rows, ffn]
  logits: Buffer // [samples, vocab]
}

/** Of a draft model of another vocabulary. */
export interface PlannedTwins {
  table: PlannedBuffer // [the target's vocab]
  logits: PlannedBuffer // [samples, its own vocab]
}

/** What is planned of a model: `twins` where its vocabulary is not the target's. */
export interface PlannedModel {
  config: ModelConfig
  twins?: Uint32Array<ArrayBuffer> | undefined
}

/** The buffers of one model, its weights apart. */
export interface PlannedLlama {
  activations: Activations<PlannedBuffer>
  caches: PlannedBuffer[]
  ropeTable: PlannedBuffer
  /** Of layers that have a window, where theirs is another. */
  localRopeTable: PlannedBuffer | undefined
  /** Of `numerics: 'fast'`: what a product reads, as integers. */
  quantised: PlannedBuffer | undefined
  attention: PlannedAttention
  twins: PlannedTwins | undefined
}

/**
 * Of several models whose passes come one after the other: they share their logits, what is between the kernels of
 * attention, and what a product reads as integers.
 */
export function planLlamas(
  plan: BufferPlan,
  models: readonly PlannedModel[],
  sizes: Sizes,
  { kvType, numerics, ...limits }: DeviceLimits & { kvType: KvType; numerics: Numerics },
): PlannedLlama[] {
  const [same, others] = [models.filter(({ twins }) => !twins), models.filter(({ twins }) => twins)]
  const logits = planLogits(plan, 'logits', same, sizes)
  const ownLogits = others.length > 0 ? planLogits(plan, 'draft logits', others, sizes) : undefined
  const attending = models.map(({ config }) => attendModel(config, kvType, sizes.contextLength))
  const attention = planAttentionBuffers(plan, attending, sizes, limits)
  const quantised = numerics === 'fast' ? planQuantised(plan, models, sizes.maxRows) : undefined
  return models.map(({ config, twins }, i) => ({
    ...planLlama(plan, config, sizes, kvType, { logits, quantised, attention: attention[i]! }),
    twins: twins && { table: plan.add('twins', twins.byteLength, 'work'), logits: ownLogits! },
  }))
}

function planLogits(
  plan: BufferPlan,
  label: string,
  models: readonly PlannedModel[],
  { maxSamples }: Sizes,
): PlannedBuffer {
  const vocab = Math.max(...models.map(({ config }) => config.vocab))
  return plan.add(label, maxSamples * paddedColumns(vocab) * 4, 'work')
}

function planQuantised(plan: BufferPlan, models: readonly PlannedModel[], maxRows: number): PlannedBuffer {
  const columns = models.flatMap(({ config: { dim, heads, headDim, ffn } }) => [dim, heads * headDim, ffn])
  return plan.add('quantised', maxRows * paddedColumns(Math.max(...columns)) * QUANTISED_COLUMN_BYTES, 'work')
}

function planLlama(
  plan: BufferPlan,
  config: ModelConfig,
  sizes: Sizes,
  kvType: KvType,
  { logits, ...shared }: Pick<PlannedLlama, 'quantised' | 'attention'> & { logits: PlannedBuffer },
): Omit<PlannedLlama, 'twins'> {
  const { dim, heads, headDim, ffn, layers, rope } = config
  const { maxRows, numBlocks, contextLength } = sizes
  const rows = (label: string, count: number, columns: number): PlannedBuffer =>
    plan.add(label, count * paddedColumns(columns) * 4, 'work')
  const ropeTable = (label: string): PlannedBuffer => plan.add(label, contextLength * rope.dim * 4, 'work')
  const cacheBytes = kvBlockBytes(config, kvType) * numBlocks
  return {
    activations: {
      hidden: rows('hidden', maxRows, dim),
      normed: rows('normed', maxRows, dim),
      qkv: rows('qkv', maxRows, qkvColumns(config)),
      attended: rows('attended', maxRows, heads * headDim),
      gated: rows('gated', maxRows, ffn),
      logits,
    },
    caches: Array.from({ length: layers }, (_, i) => plan.add(`KV ${i}`, cacheBytes, 'kv')),
    ropeTable: ropeTable('rope table'),
    localRopeTable: rope.localBase === undefined ? undefined : ropeTable('local rope table'),
    ...shared,
  }
}

/** Bytes of one KV block in one layer. */
export function kvBlockBytes(config: ModelConfig, kvType: KvType): number {
  const chunks = chunksOf({ headDim: config.headDim, kvF16: kvType === 'f16' })
  return 2 * config.kvHeads * chunks * CHUNK_BYTES * BLOCK_SIZE
}

/** Columns of q, k and v together. */
export const qkvColumns = ({ heads, kvHeads, headDim }: ModelConfig): number =>
  (heads + 2 * kvHeads) * headDim

/** What attention has to know of a model. */
export function attendModel(config: ModelConfig, kvType: KvType, contextLength: number): AttendModel {
  const { heads, kvHeads, headDim } = config
  return { heads, kvHeads, headDim, kvF16: kvType === 'f16', blocksPerSequence: blocksFor(contextLength) }
}
