/** Attention of one model: the variants of its kernels, the buffers between them, what they hold. */
import { BLOCK_SIZE } from '@foretoken/scheduler'
import { type AttendModel, attendShape, attendTiles, mergeParams, type Params } from '@foretoken/shaders'
import type { PlannedAttention } from './attention-buffers'
import type { AttentionLimits, AttentionPlan } from './attention-plan'
import type { Dispatch, Variant } from './command'
import type { Gpu } from './gpu'

export interface AttendVariant {
  tile: number
  tree: boolean
  params: Params
}

/** Threads of an adapter that is a CPU. */
const numCores = (): number => globalThis.navigator?.hardwareConcurrency ?? 1

export class Attention {
  readonly limits: Omit<AttentionLimits, 'tiles'>
  /** Kernels for splits side by side, and for workgroups that take all splits of their tile. */
  readonly splitting: readonly AttendVariant[]
  readonly walking: readonly AttendVariant[]
  /** For tiles of one row that it puts into the cache itself: one dispatch instead of three, if it is there at all. */
  readonly appending: readonly AttendVariant[]
  readonly mergeParams: ReturnType<typeof mergeParams>
  /** Splits on their way to merge: [split, row, head, part]. */
  readonly parts: GPUBuffer
  /** What the threads of a workgroup tell one another where workgroup memory is slow; else all but empty. */
  readonly memory: GPUBuffer
  readonly #slices: number

  /** `trees`: rows may be nodes of draft trees. */
  constructor(
    gpu: Gpu,
    readonly model: AttendModel,
    planned: PlannedAttention,
    trees: boolean,
  ) {
    const { isSoftware } = gpu
    const variant = (tile: number, walk: boolean, tree: boolean, append = false): AttendVariant => ({
      tile,
      tree,
      params: {
        ...attendShape(model, { rows: tile, walk, tree, append }, isSoftware)!.params,
        BLOCK: BLOCK_SIZE,
      },
    })
    const { walkTile } = planned.limits
    const kinds = trees ? [false, true] : [false]
    const tiles = attendTiles(model, isSoftware)
    this.splitting = kinds.flatMap(tree => tiles.map(tile => variant(tile, false, tree)))
    this.walking = kinds.map(tree => variant(walkTile, true, tree))
    this.mergeParams = mergeParams(model)
    this.#slices = attendShape(model, { rows: walkTile, walk: true, tree: true }, isSoftware)!.slices
    this.parts = gpu.buffer(planned.parts)
    this.memory = gpu.buffer(planned.memory)
    // On a GPU splits side by side are worth more than dispatches. The heads of a KV head must share a workgroup.
    const appends = isSoftware && this.#slices === 1
    this.appending = appends ? [variant(1, true, false, true)] : []
    const cpu = isSoftware ? { groups: model.kvHeads * this.#slices, atOnce: numCores() } : undefined
    this.limits = { ...planned.limits, appends, cpu }
  }

  split(
    variants: readonly Variant[],
    { walk, tileRows, tree, splits, tiles }: AttentionPlan,
  ): Dispatch | undefined {
    if (walk) return undefined
    const { pipeline } = variants.find(variant => variant.tile === tileRows && variant.tree === tree)!
    return { pipeline, grid: [this.model.kvHeads * this.#slices, splits, tiles.length] }
  }

  walk(variants: readonly Variant[], { walk, append, tree, tiles }: AttentionPlan): Dispatch | undefined {
    if (!walk || append) return undefined
    const { pipeline } = variants.find(variant => variant.tree === tree)!
    return { pipeline, grid: [this.model.kvHeads * this.#slices, 1, tiles.length] }
  }

  append([variant]: readonly Variant[], { append, tiles }: AttentionPlan): Dispatch | undefined {
    return append ? { pipeline: variant!.pipeline, grid: [this.model.kvHeads, 1, tiles.length] } : undefined
  }

  merge([variant]: readonly Variant[], { walk }: AttentionPlan, numRows: number): Dispatch | undefined {
    if (walk) return undefined
    const groups = Math.ceil(this.model.heads / this.mergeParams.HEADS)
    return { pipeline: variant!.pipeline, grid: [groups, numRows, 1] }
  }
}
