/** The buffers that a model works in, planned from its shape. */
import { BLOCK_SIZE } from '@foretoken/scheduler'
import { paddedColumns } from '@foretoken/weights'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import type { ModelConfig } from './model-config'
import type { Sizes } from './resident'

export type KvType = 'f16' | 'f32'

/** Activations: one row per query position, rows padded to whole segments; the padding stays zero. */
export interface Activations<Buffer = GPUBuffer> {
  hidden: Buffer // [rows, dim]
  normed: Buffer // [rows, dim]
  q: Buffer // [rows, heads * headDim]
  k: Buffer // [rows, kvHeads * headDim]
  v: Buffer // [rows, kvHeads * headDim]
  attended: Buffer // [rows, heads * headDim]
  gated: Buffer // [rows, ffn]
  logits: Buffer // [samples, vocab]
}

/** The buffers of one model, its weights apart. */
export interface PlannedLlama {
  activations: Activations<PlannedBuffer>
  caches: PlannedBuffer[]
  ropeTable: PlannedBuffer
}

/** `maxSamples`: of this model's passes. */
export function planLlama(
  plan: BufferPlan,
  config: ModelConfig,
  sizes: Sizes,
  maxSamples: number,
  kvType: KvType,
): PlannedLlama {
  const { dim, heads, kvHeads, headDim, ffn, vocab, layers, rope } = config
  const { maxRows, numBlocks, contextLength } = sizes
  const rows = (label: string, count: number, columns: number): PlannedBuffer =>
    plan.add(label, count * paddedColumns(columns) * 4, 'work')
  const cacheBytes = kvBlockBytes(config, kvType) * numBlocks
  return {
    activations: {
      hidden: rows('hidden', maxRows, dim),
      normed: rows('normed', maxRows, dim),
      q: rows('q', maxRows, heads * headDim),
      k: rows('k', maxRows, kvHeads * headDim),
      v: rows('v', maxRows, kvHeads * headDim),
      attended: rows('attended', maxRows, heads * headDim),
      gated: rows('gated', maxRows, ffn),
      logits: rows('logits', maxSamples, vocab),
    },
    caches: Array.from({ length: layers }, (_, i) => plan.add(`KV ${i}`, cacheBytes, 'kv')),
    ropeTable: plan.add('rope table', contextLength * rope.dim * 4, 'work'),
  }
}

/** Bytes of one KV block in one layer. */
export function kvBlockBytes(config: ModelConfig, kvType: KvType): number {
  return 2 * config.kvHeads * config.headDim * BLOCK_SIZE * (kvType === 'f16' ? 2 : 4)
}
