/** GPU work as data: a flat list that is built once per model and replayed for every pass. */
import type { Pass } from '@foretoken/scheduler'

/** A kernel compiled for `tile` rows per workgroup. */
export interface Variant {
  tile: number
  pipeline: GPUComputePipeline
}

export interface Command {
  label: string
  bindGroup: GPUBindGroup
  /** What the grid counts. A pass that has none skips the command. */
  over: 'rows' | 'samples' | 'verdicts'
  /** Passes that need it; absent: all. */
  when?: (pass: Pass) => boolean
  /** By ascending tile: the first one that covers all rows is taken, else the last. */
  variants: readonly Variant[]
  /** Workgroups in x and y for so many tiles. */
  grid: (tiles: number) => readonly [number, number]
}

/** Records one pass over its section of the step data. Returns the number of dispatches. */
export function record(
  encoder: GPUComputePassEncoder,
  commands: readonly Command[],
  pass: Pass,
  offset: number,
): number {
  let numDispatches = 0
  for (const command of commands) {
    const count = pass[command.over].length
    if (count === 0 || command.when?.(pass) === false) continue
    const { tile, pipeline } = command.variants.find(v => v.tile >= count) ?? command.variants.at(-1)!
    const [x, y] = command.grid(Math.ceil(count / tile))
    encoder.setPipeline(pipeline)
    encoder.setBindGroup(0, command.bindGroup, [offset])
    encoder.dispatchWorkgroups(x, y)
    numDispatches++
  }
  return numDispatches
}
