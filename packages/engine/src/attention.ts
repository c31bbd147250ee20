/** Attention of one model: the variants of its kernels, the buffers between them, what they hold. */
import { BLOCK_SIZE, blocksFor } from '@foretoken/scheduler'
import {
  type AttendModel,
  attendShape,
  attendTiles,
  mergeParams,
  type Params,
  partFloats,
} from '@foretoken/shaders'
import { type AttentionLimits, type AttentionPlan, WALK_ROWS } from './attention-plan'
import type { Dispatch, Variant } from './command'
import type { Gpu } from './gpu'
import type { Sizes } from './resident'

const SCRATCH_BYTES = 16 * 2 ** 20

export interface AttendVariant {
  tile: number
  tree: boolean
  params: Params
}

export class Attention {
  readonly limits: Omit<AttentionLimits, 'tiles'>
  /** Kernels for splits side by side, and for workgroups that take all splits of their tile. */
  readonly splitting: readonly AttendVariant[]
  readonly walking: readonly AttendVariant[]
  readonly mergeParams: ReturnType<typeof mergeParams>
  /** Splits on their way to merge: [split, row, head, part]. */
  readonly parts: GPUBuffer
  /** What the threads of a workgroup tell one another where workgroup memory is slow; else all but empty. */
  readonly memory: GPUBuffer
  /** Each thread costs: few of them, with more to do. */
  readonly software: boolean
  readonly #slices: number

  /** `trees`: rows may carry masks. */
  constructor(
    gpu: Gpu,
    readonly model: AttendModel,
    { maxRows, maxConcurrent, contextLength }: Sizes,
    trees: boolean,
  ) {
    const software = /swiftshader/i.test(gpu.adapterName)
    this.software = software
    const shape = (rows: number, walk: boolean, tree: boolean) =>
      attendShape(model, { rows, walk, tree }, software)!
    const variant = (tile: number, walk: boolean, tree: boolean): AttendVariant => ({
      tile,
      tree,
      params: { ...shape(tile, walk, tree).params, BLOCK: BLOCK_SIZE },
    })
    const tiles = attendTiles(model, software)
    const walkTile = tiles.at(-1)!
    const kinds = trees ? [false, true] : [false]
    this.splitting = kinds.flatMap(tree => tiles.map(tile => variant(tile, false, tree)))
    this.walking = kinds.map(tree => variant(walkTile, true, tree))
    this.mergeParams = mergeParams(model)

    const { slices, memory } = shape(walkTile, true, trees)
    this.#slices = slices
    this.mergeParams = mergeParams(model)
    const most = WALK_ROWS * blocksFor(contextLength)
    const partBytes = model.heads * partFloats(model) * 4
    const maxRowSplits = Math.min(most, Math.floor(SCRATCH_BYTES / partBytes))
    const memoryBytes = model.kvHeads * slices * memory * 4
    const walking = Math.ceil(maxRows / walkTile) + maxConcurrent
    const maxTileSplits = Math.max(walking, Math.min(most, Math.floor(SCRATCH_BYTES / memoryBytes)))
    this.parts = gpu.buffer('attention parts', maxRowSplits * partBytes, 'work')
    this.memory = gpu.buffer('attention memory', software ? maxTileSplits * memoryBytes : 0, 'work')
    this.limits = { walkTile, maxRowSplits, maxTileSplits, alwaysWalk: false }
  }

  split(
    variants: readonly Variant[],
    { walk, tileRows, tree, splits, tiles }: AttentionPlan,
  ): Dispatch | undefined {
    if (walk) return undefined
    const { pipeline } = variants.find(variant => variant.tile === tileRows && variant.tree === tree)!
    return { pipeline, grid: [this.model.kvHeads * this.#slices, splits, tiles.length] }
  }

  walk(variants: readonly Variant[], { walk, tree, tiles }: AttentionPlan): Dispatch | undefined {
    if (!walk) return undefined
    const { pipeline } = variants.find(variant => variant.tree === tree)!
    return { pipeline, grid: [this.model.kvHeads * this.#slices, 1, tiles.length] }
  }

  merge([variant]: readonly Variant[], { walk }: AttentionPlan, numRows: number): Dispatch | undefined {
    if (walk) return undefined
    const groups = Math.ceil(this.model.heads / this.mergeParams.HEADS)
    return { pipeline: variant!.pipeline, grid: [groups, numRows, 1] }
  }
}
