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
  limits: Omit<AttentionLimits, 'tiles'>
}

export function planAttentionBuffers(
  plan: BufferPlan,
  model: AttendModel,
  { maxRows, maxConcurrent, contextLength }: Sizes,
  { isSoftware, maxBufferBytes }: DeviceLimits,
): PlannedAttention {
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
    parts: plan.add('attention parts', maxRowSplits * partBytes, 'work'),
    memory: plan.add('attention memory', isSoftware ? maxTileSplits * memoryBytes : 0, 'work'),
    limits: { walkTile, maxRowSplits, maxTileSplits, alwaysWalk: false },
  }
}
