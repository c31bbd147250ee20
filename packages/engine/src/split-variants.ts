/** The tiles of matmul-split.wgsl that a matrix and a device have room for. */
import { formatParams, integerParams, type Params } from '@foretoken/shaders'
import { paddedColumns } from '@foretoken/weights'
import { GROUP_COLUMNS, numSegments, type SplitCut, type SplitTile, segmentGroups } from './device-profile'
import type { MatrixPart } from './weight-layout'

export interface SplitVariant {
  tile: number
  /** Workgroups that share the outputs, and those that share the rows of a tile. */
  groups: number
  groupsPerTile: number
  params: Params
}

/** A product with one or two matrices, and what limits a workgroup of it. */
export interface Product {
  matrix: Pick<MatrixPart, 'format' | 'rows' | 'columns'>
  /** 1, or 2 that share a dispatch. */
  matrices: number
  integers: boolean
  limits: Pick<GPUSupportedLimits, 'maxComputeWorkgroupStorageSize' | 'maxComputeInvocationsPerWorkgroup'>
}

const VECTOR_BYTES = 16
const X_VECTORS = 4
/** Of a thread and output in a round, if the tile does not say: those of the round before are held as well. */
const MAX_CHUNKS = 8

/** By ascending tile, without those whose workgroups have no room. One row has room wherever WebGPU runs. */
export function splitVariants(cuts: readonly SplitCut[], product: Product): SplitVariant[] {
  const { tiles } = cuts.find(({ upTo }) => product.matrix.rows <= upTo)!
  return tiles.flatMap(tile => variantOf(tile, product) ?? [])
}

/** With as many groups in a round as fit. */
function variantOf(
  tile: SplitTile,
  { matrix, matrices, integers, limits }: Product,
): SplitVariant | undefined {
  const { rows, threadRows, lanes, outputs, ahead, chunks = MAX_CHUNKS } = tile
  const perMatrix = Math.max(1, outputs / matrices)
  const columns = paddedColumns(matrix.columns)
  const slices = numSegments(columns)
  const vectors = integers ? integerParams.X_VECTORS : X_VECTORS
  const partials = 4 * matrices * perMatrix * threadRows * lanes
  const fits = (round: number): boolean =>
    slices * Math.max(partials, (threadRows * round * vectors + 1) * VECTOR_BYTES) <=
    limits.maxComputeWorkgroupStorageSize
  const most = Math.min(ahead, Math.max(1, chunks / formatParams[matrix.format].GROUP_CHUNKS))
  const round = [4, 2, 1].find(each => each <= most && fits(each))
  if (!round || lanes * slices > limits.maxComputeInvocationsPerWorkgroup) return undefined
  return {
    tile: rows,
    groups: Math.ceil(matrix.rows / (lanes * perMatrix)),
    groupsPerTile: rows / threadRows,
    params: {
      TILE: threadRows,
      OUTPUTS: perMatrix,
      LANES: lanes,
      SLICES: slices,
      RAGGED: columns % (GROUP_COLUMNS * segmentGroups(columns)) !== 0,
      AHEAD: round,
      EVEN: round > 1,
    },
  }
}
