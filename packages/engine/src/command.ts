/** GPU work as data: a flat list that is built once per model and replayed for every pass. */
import type { Pass } from '@foretoken/scheduler'
import type { Params } from '@foretoken/shaders'
import type { AttendVariant } from './attention'
import type { AttentionPlan } from './attention-plan'
import type { MatrixPart } from './weight-layout'

/** A kernel compiled for `tile` rows per workgroup. */
export interface Variant {
  tile: number
  pipeline: GPUComputePipeline
  /** Workgroups in x and y for so many tiles. */
  grid: (tiles: number) => readonly [number, number]
  /** Of attention: rows may be nodes of draft trees. */
  tree?: boolean
}

export interface Dispatch {
  pipeline: GPUComputePipeline
  grid: readonly [number, number, number]
  isTail?: boolean
}

export interface Command {
  label: string
  bindGroup: GPUBindGroup
  /** The same for rows that come after all whole tiles of the largest variant. */
  tailBindGroup?: GPUBindGroup
  /** What the grid counts. A pass that has none skips the command. */
  over: 'rows' | 'samples' | 'verdicts'
  /** Passes that need it; absent: all. */
  when?: (pass: Pass) => boolean
  /** By ascending tile. */
  variants: readonly Variant[]
  /** The matrices that it reads, where it multiplies: what its time is compared with. */
  weights?: readonly MatrixPart[]
  /** Takes all rows of a pass that has more than DECODE_ROWS, in place of the others. */
  prefill?: Variant
  /** Instead of the variants' grids, for commands that follow the plan of attention; undefined: not in this pass. */
  planned?: (variants: readonly Variant[], plan: AttentionPlan, numRows: number) => Dispatch | undefined
}

/** What a command is made from. */
export interface CommandSpec {
  label?: string
  params: Params
  buffers: readonly GPUBuffer[]
  /** The kernel's `shape`: u32 words, floats as their bits. */
  shape: readonly number[]
  /** Bound behind the shape. */
  scratch?: readonly GPUBuffer[]
  over?: Command['over']
  variants?: readonly AttendVariant[]
  planned?: Command['planned']
  grid: Variant['grid']
}

/** Passes of more rows hold prompts: arithmetic costs there, not loads of weights. */
export const DECODE_ROWS = 32

/** Records one pass over its section of the step data. Returns the number of dispatches. */
export function record(
  encoder: GPUComputePassEncoder,
  commands: readonly Command[],
  pass: Pass,
  offset: number,
  plan: AttentionPlan,
): number {
  let numDispatches = 0
  // Typed and once: a sequence of JavaScript is read anew by every call.
  const offsets = new Uint32Array([offset])
  for (const command of commands) {
    const count = pass[command.over].length
    if (count === 0 || command.when?.(pass) === false) continue
    for (const { pipeline, grid, isTail } of dispatchesOf(command, count, plan)) {
      encoder.setPipeline(pipeline)
      encoder.setBindGroup(0, isTail ? command.tailBindGroup! : command.bindGroup, offsets, 0, 1)
      encoder.dispatchWorkgroups(...grid)
      numDispatches++
    }
  }
  return numDispatches
}

function dispatchesOf(command: Command, count: number, plan: AttentionPlan): Dispatch[] {
  if (command.planned) return [command.planned(command.variants, plan, count) ?? []].flat()
  return parts(command, count).map(({ variant: { pipeline, grid }, tiles, isTail }) => {
    return { pipeline, grid: [...grid(tiles), 1], isTail }
  })
}

/** Records a command that is no part of a pass. Returns the number of dispatches. */
export function recordAlone(
  encoder: GPUComputePassEncoder,
  { pipeline, bindGroup }: LoneCommand,
  groups: number,
): number {
  encoder.setPipeline(pipeline)
  encoder.setBindGroup(0, bindGroup)
  encoder.dispatchWorkgroups(groups)
  return 1
}

/** A command with data of its own, over a number of workgroups that the caller knows. */
export interface LoneCommand {
  pipeline: GPUComputePipeline
  bindGroup: GPUBindGroup
}

interface Part {
  variant: Variant
  tiles: number
  isTail: boolean
}

/** As many whole tiles of the largest variant as there are rows for, and the smallest variant that covers the rest. */
export function parts({ variants, prefill, tailBindGroup }: Command, count: number): Part[] {
  if (prefill && count > DECODE_ROWS)
    return [{ variant: prefill, tiles: Math.ceil(count / prefill.tile), isTail: false }]
  const body = variants.at(-1)!
  const rest = count % body.tile
  const tail = variants.find(({ tile }) => tile >= rest)!
  const whole = (count - rest) / body.tile
  if (whole === 0) return rest === 0 ? [] : [{ variant: tail, tiles: 1, isTail: false }]
  if (rest === 0) return [{ variant: body, tiles: whole, isTail: false }]
  if (tail === body || !tailBindGroup) return [{ variant: body, tiles: whole + 1, isTail: false }]
  return [
    { variant: body, tiles: whole, isTail: false },
    { variant: tail, tiles: 1, isTail: true },
  ]
}
