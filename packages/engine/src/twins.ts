/**
 * What a draft model of another vocabulary has beside the others: a table of its twins of the target's tokens, which it
 * reads by, and logits of its own, which are put in the target's order before anyone draws from them. So all that follows,
 * penalties, filters, noise, probabilities, trees, knows the target's ids alone.
 */
import { paddedColumns } from '@foretoken/weights'
import type { Command } from './command'
import type { Gpu } from './gpu'
import type { LlamaBuilder } from './llama'
import type { PlannedTwins } from './llama-buffers'

export interface Twins {
  table: GPUBuffer
  logits: GPUBuffer
}

/** Tokens of a workgroup. */
const SPAN = 4096

export function uploadTwins(gpu: Gpu, planned: PlannedTwins, twins: Uint32Array<ArrayBuffer>): Twins {
  const buffers = gpu.buffers({ ...planned })
  gpu.device.queue.writeBuffer(buffers.table, 0, twins)
  return buffers
}

export function draftLogits(
  builder: LlamaBuilder,
  { table, logits: own }: Twins,
  [vocab, stride]: readonly [vocab: number, stride: number],
  workgroup: number,
): Promise<Command> {
  return builder.command('draftLogits', {
    params: { WORKGROUP: workgroup, SPAN },
    buffers: [own, table, builder.activations.logits],
    shape: [vocab, stride, paddedColumns(builder.config.vocab)],
    over: 'samples',
    grid: tiles => [tiles, Math.ceil(vocab / SPAN)],
  })
}
