/** The commands of a step that belong to no model: before the passes and after them. */
import type { Step } from '@foretoken/scheduler'
import { type Kernel, kernels } from '@foretoken/shaders'
import type { Command, LoneCommand } from './command'
import type { Gpu } from './gpu'
import { RESULT_WORDS, type Resident } from './resident'
import { numPlaces } from './step-data'

const PLACE_WORKGROUP = 64

export interface OwnCommands {
  /** Fills in the positions of a step that was planned ahead. */
  place: LoneCommand
  numPlaceGroups: (step: Step) => number
  /** One workgroup per prompt lookup. */
  lookup: LoneCommand
  accept: Command
}

export async function ownCommands(gpu: Gpu, resident: Resident, accept: Kernel): Promise<OwnCommands> {
  const { stepBinding, step, lengths, blocks, places, lookups, sampled, history, verdicts, counts } = resident
  const { CONTEXT, VOCAB, BLOCK, BLOCKS_PER_SEQUENCE } = resident.params
  const pipeline = await gpu.pipeline(accept, { CONTEXT, VOCAB, RESULT_WORDS })
  const placing = { BLOCK, BLOCKS_PER_SEQUENCE, WORKGROUP: PLACE_WORKGROUP }
  return {
    place: {
      pipeline: await gpu.pipeline(kernels.place, placing),
      bindGroup: gpu.bindGroup(kernels.place, [step, lengths, blocks, places]),
    },
    numPlaceGroups: planned => Math.ceil(numPlaces(planned) / PLACE_WORKGROUP),
    lookup: {
      pipeline: await gpu.pipeline(kernels.lookup, { CONTEXT }),
      bindGroup: gpu.bindGroup(kernels.lookup, [lookups, lengths, history]),
    },
    accept: {
      label: 'accept',
      bindGroup: gpu.bindGroup(accept, [stepBinding, sampled, history, verdicts, counts, lengths]),
      over: 'verdicts',
      variants: [{ tile: 32, pipeline, grid: tiles => [tiles, 1] }],
    },
  }
}
