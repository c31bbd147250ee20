/** GPU work as data: a flat list that is built once per model and replayed for every pass. */
import type { Pass } from '@foretoken/scheduler'
import type { AttentionPlan } from './attention-plan'

/** A kernel compiled for `tile` rows per workgroup. */
export interface Variant {
  tile: number
  pipeline: GPUComputePipeline
  /** Of attention: rows may be nodes of draft trees. */
  tree?: boolean
}

export interface Dispatch {
  pipeline: GPUComputePipeline
  grid: readonly [number, number, number]
}

export interface Command {
  label: string
  bindGroup: GPUBindGroup
  /** What the grid counts. A pass that has none skips the command. */
  over: 'rows' | 'samples' | 'verdicts'
  /** By ascending tile: the first one that covers all rows is taken, else the last. */
  variants: readonly Variant[]
  /** Workgroups in x and y for so many tiles. */
  grid: (tiles: number) => readonly [number, number]
  /** Instead of the grid, for commands that follow the plan of attention; undefined: not in this pass. */
  planned?: (variants: readonly Variant[], plan: AttentionPlan, numRows: number) => Dispatch | undefined
}

/** Records one pass over its section of the step data. Returns the number of dispatches. */
export function record(
  encoder: GPUComputePassEncoder,
  commands: readonly Command[],
  pass: Pass,
  offset: number,
  plan: AttentionPlan,
): number {
  let numDispatches = 0
  for (const command of commands) {
    const count = pass[command.over].length
    if (count === 0) continue
    const dispatch = command.planned
      ? command.planned(command.variants, plan, count)
      : dispatchOver(command, count)
    if (!dispatch) continue
    encoder.setPipeline(dispatch.pipeline)
    encoder.setBindGroup(0, command.bindGroup, [offset])
    encoder.dispatchWorkgroups(...dispatch.grid)
    numDispatches++
  }
  return numDispatches
}

function dispatchOver({ variants, grid }: Command, count: number): Dispatch {
  const { tile, pipeline } = variants.find(v => v.tile >= count) ?? variants.at(-1)!
  return { pipeline, grid: [...grid(Math.ceil(count / tile)), 1] }
}
