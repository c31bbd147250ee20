/** The buffers between attention's kernels, planned from a model's shape. */
import { blocksFor } from '@foretoken/scheduler'
import { type AttendModel, attendShape, attendTiles, partFloats } from '@foretoken/shaders'
import { type AttentionLimits, WALK_ROWS } from './attention-plan'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import type { Sizes } from './resident'

/** Of each of the two buffers. */
const SCRATCH_BYTES = 8 * 2 ** 20

export interface DeviceLimits {
  /** The adapter is a CPU. */
  isSoftware: boolean
  /** The device binds no larger buffer. */
  maxBufferBytes: number
}

export interface PlannedAttention {
  /** Splits on their way to merge: [split, row, head, part]. */
  parts: PlannedBuffer
  /** What the threads of a workgroup tell one another where workgroup memory is slow; else all but empty. */
  memory: PlannedBuffer
  limits: Omit<AttentionLimits, 'tiles' | 'appends' | 'cpu'>
}

/** Of all models the same two buffers: their passes come one after the other. */
export function planAttentionBuffers(
  plan: BufferPlan,
  models: readonly AttendModel[],
  sizes: Sizes,
  device: DeviceLimits,
): PlannedAttention[] {
  const needs = models.map(model => attentionNeeds(model, sizes, device))
  const largest = (which: 'partsBytes' | 'memoryBytes') => Math.max(...needs.map(need => need[which]))
  const parts = plan.add('attention parts', largest('partsBytes'), 'work')
  const memory = plan.add('attention memory', device.isSoftware ? largest('memoryBytes') : 0, 'work')
  return needs.map(({ limits }) => ({ parts, memory, limits }))
}

function attentionNeeds(
  model: AttendModel,
  { maxRows, maxConcurrent, contextLength }: Sizes,
  { isSoftware, maxBufferBytes }: DeviceLimits,
) {
  const walkTile = attendTiles(model, isSoftware).at(-1)!
  // With trees a split reaches further: the larger of the two, so that it does not matter whether there will be any.
  const { slices, memory } = attendShape(model, { rows: walkTile, walk: true, tree: true }, isSoftware)!
  const most = WALK_ROWS * blocksFor(contextLength)
  const scratchBytes = Math.min(SCRATCH_BYTES, maxBufferBytes)
  const partBytes = model.heads * partFloats(model) * 4
  const maxRowSplits = Math.min(most, Math.floor(scratchBytes / partBytes))
  const memoryBytes = model.kvHeads * slices * memory * 4
  const walking = Math.ceil(maxRows / walkTile) + maxConcurrent
  const maxTileSplits = Math.max(walking, Math.min(most, Math.floor(scratchBytes / memoryBytes)))
  return {
    partsBytes: maxRowSplits * partBytes,
    memoryBytes: maxTileSplits * memoryBytes,
    limits: { walkTile, maxRowSplits, maxTileSplits, alwaysWalk: false },
  }
}
