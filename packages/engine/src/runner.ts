/** Executes a step: one submit for draft passes, target pass and acceptance; one small readback. */
import { invariant } from '@foretoken/errors'
import { MAX_DEPTH, type Sequence, type Step, type Verdict } from '@foretoken/scheduler'
import { type Kernel, kernels } from '@foretoken/shaders'
import { ADJUSTMENT_WORDS, adjustmentFlags, adjustmentWords, PENALISED, tokenCounts } from './adjustments'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import { type Command, record } from './command'
import type { Gpu } from './gpu'
import type { GpuTimer } from './gpu-timer'
import type { Llama } from './llama'
import { LogProbReadback, type TokenLogProbs } from './log-probs'
import { LogitReadback, planLogitReadback } from './logit-readback'
import { type PlannedResident, RESULT_WORDS, type Resident } from './resident'
import type { StepData } from './step-data'

/** What a step gave. */
export interface StepOutcome {
  verdicts: Verdict[]
  numDispatches: number
  /** Encoding and submitting on the CPU, in ms. */
  recordMs: number
  /** The GPU's own time, where it is measured. */
  gpuMs: number | undefined
  /** Logits of the target pass's samples if any sequence is being scored: [samples, stride]. */
  logits: Float32Array | undefined
  /** Of the sequences that want them, one per committed token. */
  logProbs: ReadonlyMap<Sequence, TokenLogProbs[]>
}

export type PlannedReadbacks = Record<'verdicts' | 'logProbs' | 'logits', PlannedBuffer>

/** `stride`: floats of a row of the target's logits. */
export function planReadbacks(
  plan: BufferPlan,
  { shared }: PlannedResident,
  maxSamples: number,
  stride: number,
): PlannedReadbacks {
  return {
    verdicts: plan.add('readback', shared.verdicts.bytes, 'work', 'readback'),
    logProbs: plan.add('log-probabilities readback', shared.logProbs.bytes, 'work', 'readback'),
    logits: planLogitReadback(plan, maxSamples, stride),
  }
}

export class Runner {
  readonly #readback: GPUBuffer
  readonly #logProbReadback: LogProbReadback
  readonly #logitReadback: LogitReadback

  private constructor(
    readonly gpu: Gpu,
    readonly resident: Resident,
    readonly stepData: StepData,
    readonly target: Llama,
    readonly draft: Llama | undefined,
    readonly accept: Command,
    readonly timer: GpuTimer | undefined,
    readbacks: PlannedReadbacks,
  ) {
    const { verdicts, logProbs, logits } = gpu.buffers(readbacks)
    this.#readback = verdicts
    this.#logProbReadback = new LogProbReadback(resident.logProbs, logProbs)
    this.#logitReadback = new LogitReadback(gpu.device, target.logits, target.logitStride, logits)
  }

  static async create(
    gpu: Gpu,
    resident: Resident,
    stepData: StepData,
    [target, draft]: readonly Llama[],
    readbacks: PlannedReadbacks,
    { accept: kernel = kernels.accept, timer }: { accept?: Kernel; timer?: GpuTimer | undefined },
  ): Promise<Runner> {
    const { stepBinding, sampled, history, verdicts, counts, params } = resident
    const { CONTEXT, VOCAB } = params
    const pipeline = await gpu.pipeline(kernel, { CONTEXT, VOCAB, RESULT_WORDS })
    const accept: Command = {
      label: 'accept',
      bindGroup: gpu.bindGroup(kernel, [stepBinding, sampled, history, verdicts, counts]),
      over: 'verdicts',
      variants: [{ tile: 32, pipeline, grid: tiles => [tiles, 1] }],
    }
    return new Runner(gpu, resident, stepData, target!, draft, accept, timer, readbacks)
  }

  /** Brings an admitted sequence's tokens and block table to the GPU, and what its samples need. */
  admit(sequence: Sequence): void {
    const { history, blocks, counts, adjustments, params } = this.resident
    const { index, request } = sequence
    this.#write(history, index * params.CONTEXT, sequence.tokens)
    this.#write(blocks, index * params.BLOCKS_PER_SEQUENCE, sequence.blocks)
    const flags = adjustmentFlags(request.sampling)
    if (flags) this.#write(adjustments, index * ADJUSTMENT_WORDS, adjustmentWords(request.sampling))
    if (flags & PENALISED) this.#write(counts, index * params.VOCAB, tokenCounts(sequence, params.VOCAB))
  }

  async execute(step: Step): Promise<StepOutcome> {
    const { device } = this.gpu
    const begin = performance.now()
    for (const { sequence, tokens } of step.guesses) {
      this.#write(
        this.resident.history,
        sequence.index * this.resident.params.CONTEXT + sequence.length,
        tokens,
      )
    }
    const { words, offsets } = this.stepData.encode(step)
    device.queue.writeBuffer(this.resident.step, 0, words)

    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass(this.timer ? { timestampWrites: this.timer.writes } : {})
    let numDispatches = 0
    step.draftPasses.forEach((draftPass, i) => {
      numDispatches += record(pass, this.draft!.commands, draftPass, offsets[i]!)
    })
    const last = offsets.at(-1)!
    const { maxRows, maxSamples } = this.resident.sizes
    const { rows, samples } = step.targetPass
    invariant(
      rows.length <= maxRows && samples.length <= maxSamples,
      () =>
        `a pass of ${rows.length} rows and ${samples.length} samples in buffers for ${maxRows} and ${maxSamples}`,
    )
    numDispatches += record(pass, this.target.commands, step.targetPass, last)
    numDispatches += record(pass, [this.accept], step.targetPass, last)
    pass.end()
    this.timer?.resolve(encoder)
    encoder.copyBufferToBuffer(this.resident.verdicts, 0, this.#readback, 0, this.#readback.size)
    this.#logProbReadback.copy(encoder, step.targetPass)
    device.queue.submit([encoder.finish()])
    const recordMs = performance.now() - begin

    const scoring = step.targetPass.rows.some(row => row.sequence.request.scoreOnly)
    const logits = scoring ? await this.#logitReadback.read(step.targetPass.samples.length) : undefined
    await this.#readback.mapAsync(GPUMapMode.READ)
    const results = new Uint32Array(this.#readback.getMappedRange())
    const verdicts = step.targetPass.verdicts.map(({ sequence }) => readVerdict(results, sequence))
    this.#readback.unmap()
    const logProbs = await this.#logProbReadback.read(step.targetPass, verdicts)
    const gpuMs = await this.timer?.read()
    return { verdicts, numDispatches, recordMs, gpuMs, logits, logProbs }
  }

  #write(buffer: GPUBuffer, index: number, values: ArrayLike<number>): void {
    this.gpu.device.queue.writeBuffer(buffer, index * 4, new Uint32Array(values))
  }
}

function readVerdict(results: Uint32Array, sequence: Sequence): Verdict {
  const at = sequence.index * RESULT_WORDS
  const numTokens = results[at]!
  invariant(numTokens >= 1 && numTokens <= MAX_DEPTH + 1, () => `verdict of ${numTokens} tokens`)
  return {
    sequence,
    tokens: [...results.subarray(at + 4, at + 4 + numTokens)],
    numAccepted: results[at + 1]!,
    stopped: results[at + 2] === 1,
  }
}
