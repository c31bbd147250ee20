/** What nets have drafted, brought back before it is verified: a grammar has to know it. */
import { MAX_DEPTH, type Sequence, type Step } from '@foretoken/scheduler'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import type { Sizes } from './resident'

/** What no sample can equal: accept.wgsl ends a draft there. */
export const NO_TOKEN = 0xffffffff

export const planDraftReadback = (plan: BufferPlan, { maxConcurrent }: Sizes): PlannedBuffer =>
  plan.add('drafts readback', maxConcurrent * MAX_DEPTH * 4, 'work', 'readback')

export class DraftReadback {
  constructor(
    readonly history: GPUBuffer, // [sequences, context]
    readonly staging: GPUBuffer, // [sequences, MAX_DEPTH]
    readonly context: number,
  ) {}

  copy(encoder: GPUCommandEncoder, { choices }: Step, sequences: readonly Sequence[]): void {
    for (const [i, sequence] of sequences.entries()) {
      const from = (sequence.index * this.context + sequence.length) * 4
      const { depth } = choices.get(sequence)!
      encoder.copyBufferToBuffer(this.history, from, this.staging, i * MAX_DEPTH * 4, depth * 4)
    }
  }

  /** After the passes' submit. */
  async read({ choices }: Step, sequences: readonly Sequence[]): Promise<Map<Sequence, number[]>> {
    await this.staging.mapAsync(GPUMapMode.READ)
    const words = new Uint32Array(this.staging.getMappedRange())
    const drafts = sequences.map((sequence, i): [Sequence, number[]] => {
      const at = i * MAX_DEPTH
      return [sequence, [...words.subarray(at, at + choices.get(sequence)!.depth)]]
    })
    this.staging.unmap()
    return new Map(drafts)
  }
}
