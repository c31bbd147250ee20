/** From q, k and v of a layer to what its rows attend to, as commands. The plan of a pass says which of them run. */
import { BLOCK_SIZE } from '@foretoken/scheduler'
import { chunksOf, type Params } from '@foretoken/shaders'
import { paddedColumns } from '@foretoken/weights'
import { architectureOf } from './architectures'
import type { AttendVariant } from './attention'
import type { Command, Variant } from './command'
import type { LlamaBuilder } from './llama'
import { qkvColumns } from './llama-buffers'
import { floatBits } from './shape-arena'

/** What attention of one layer works on besides the activations. */
export interface LayerAttention {
  cache: GPUBuffer
  /** Biases of q, k and v, or norms of q and k. */
  headWeights: GPUBuffer | undefined
  rotates: boolean
  ropeTable: GPUBuffer
  /** Positions that its rows see; 0: all. */
  window: number
}

/** The grid of commands that have a plan instead. */
const unplanned: Variant['grid'] = () => [0, 0]

/**
 * Keys and values go into the cache, and then splits side by side and their merge, or walking over them; or all of it
 * in one.
 */
export function attentionCommands(builder: LlamaBuilder, layer: LayerAttention): Array<Promise<Command>> {
  const { attention } = builder
  const { heads, headDim } = builder.config
  const { attended } = builder.activations
  return [
    ropeAppend(builder, layer),
    ...(attention.appending.length > 0 ? [attendAppending(builder, layer)] : []),
    builder.command('attend', {
      ...attendSpec(builder, layer, attention.parts, attention.splitting),
      planned: (variants, plan) => attention.split(variants, plan),
    }),
    builder.command('merge', {
      params: { ...attention.mergeParams, BLOCK: BLOCK_SIZE, WINDOW: layer.window },
      buffers: [attention.parts, attended],
      shape: [heads, paddedColumns(heads * headDim)],
      grid: unplanned,
      planned: (variants, plan, numRows) => attention.merge(variants, plan, numRows),
    }),
    builder.command('attend', {
      ...attendSpec(builder, layer, attended, attention.walking),
      label: 'attend-walk',
      planned: (variants, plan) => attention.walk(variants, plan),
    }),
  ]
}

function ropeAppend(builder: LlamaBuilder, layer: LayerAttention): Promise<Command> {
  const { heads, kvHeads, headDim } = builder.config
  const kvF16 = builder.options.kvType === 'f16'
  return builder.command('ropeAppend', {
    params: {
      KV_F16: kvF16,
      HEAD_DIM: headDim,
      CHUNKS: chunksOf({ headDim, kvF16 }),
      ...ropeParams(builder, layer),
      BLOCK: BLOCK_SIZE,
      WORKGROUP: builder.gpu.isSoftware ? 16 : 64,
    },
    buffers: [layer.ropeTable, builder.activations.qkv, layer.cache],
    shape: [heads, kvHeads, paddedColumns(qkvColumns(builder.config))],
    scratch: [headWeights(layer)],
    grid: unplanned,
    planned: ([variant], { append }, numRows) =>
      append ? undefined : { pipeline: variant!.pipeline, grid: [numRows, 1, 1] },
  })
}

function attendAppending(builder: LlamaBuilder, layer: LayerAttention): Promise<Command> {
  const { attention, activations } = builder
  return builder.command('attendAppending', {
    ...attendSpec(builder, layer, activations.attended, attention.appending, ropeParams(builder, layer)),
    label: 'attend-append',
    scratch: [attention.memory, layer.ropeTable, headWeights(layer)],
    planned: (compiled, plan) => attention.append(compiled, plan),
  })
}

function attendSpec(
  { attention, config, activations, resident }: LlamaBuilder,
  { cache, window }: LayerAttention,
  out: GPUBuffer,
  variants: readonly AttendVariant[],
  more: Params = {},
) {
  const { heads, kvHeads, headDim, attentionScale, scoreCap = 0 } = config
  const strides = [qkvColumns(config), heads * headDim].map(paddedColumns)
  return {
    params: {},
    buffers: [activations.qkv, cache, resident.blocks, out],
    scratch: [attention.memory],
    shape: [kvHeads, ...strides, floatBits(attentionScale)],
    grid: unplanned,
    variants: variants.map(({ params, ...variant }) => {
      return { ...variant, params: { ...params, ...more, WINDOW: window, SCORE_CAP: scoreCap } }
    }),
  }
}

/** Where there are none something must be bound all the same; it is not read. */
const headWeights = (layer: LayerAttention): GPUBuffer => layer.headWeights ?? layer.ropeTable

function ropeParams({ config }: LlamaBuilder, { rotates }: LayerAttention): Params {
  const { qkvBias = false, qkNorm = false } = architectureOf(config)
  return {
    NEOX: config.rope.neox,
    ROPE_DIM: config.rope.dim,
    ROTATES: rotates,
    QKV_BIAS: qkvBias,
    QK_NORM: qkNorm,
    NORM_EPSILON: config.normEpsilon,
  }
}
