/** The tile of gemm.wgsl that a matrix takes, as a device has room for it. */
import { hasIntegers, type Params } from '@foretoken/shaders'
import type { PrefillCut, PrefillTile } from './device-profile'
import type { Product } from './split-variants'

export interface PrefillVariant {
  tile: number
  /** Workgroups that share the outputs. */
  groups: number
  params: Params
}

const GROUP_QUADS = 4

export function prefillVariant(cuts: readonly PrefillCut[], product: Product): PrefillVariant {
  const { matrix, matrices } = product
  const { tile } = cuts.find(({ upTo }) => matrix.rows <= upTo)!
  const { rows, outputs, threadRows, threadOutputs } = tile
  return {
    tile: rows,
    groups: Math.ceil((matrix.rows * matrices) / outputs),
    params: {
      BM: rows,
      BN: outputs / matrices,
      TM: threadRows,
      TN: threadOutputs / matrices,
      SLICE: sliceOf(tile, product),
    },
  }
}

/** As many groups as fit, which for one is wherever WebGPU runs. */
function sliceOf(
  { rows, outputs, slice }: PrefillTile,
  { matrix, integers, limits }: Product,
): PrefillTile['slice'] {
  const quadBytes = integers ? 4 : 16
  // Beside its numbers a group has a scale for each output and, of integers, for each row.
  const sideBytes = integers || hasIntegers(matrix.format) ? 8 : 0
  const bytes = slice * (rows + 2 + outputs) * (GROUP_QUADS * quadBytes + sideBytes)
  return bytes <= limits.maxComputeWorkgroupStorageSize ? slice : 1
}
