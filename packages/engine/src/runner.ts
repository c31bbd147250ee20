/** Executes a step: one submit for draft passes, target pass and acceptance; one small readback. */
import { invariant } from '@foretoken/errors'
import { MAX_DEPTH, type Sequence, type Step, type Verdict } from '@foretoken/scheduler'
import { type Kernel, kernels } from '@foretoken/shaders'
import { planAttention } from './attention-plan'
import { type Command, record } from './command'
import type { Gpu } from './gpu'
import type { GpuTimer } from './gpu-timer'
import type { Llama } from './llama'
import { RESULT_WORDS, type Resident } from './resident'
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
}

export class Runner {
  readonly #readback: GPUBuffer

  private constructor(
    readonly gpu: Gpu,
    readonly resident: Resident,
    readonly stepData: StepData,
    readonly target: Llama,
    readonly draft: Llama | undefined,
    readonly accept: Command,
    readonly timer: GpuTimer | undefined,
  ) {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
    this.#readback = gpu.buffer('readback', resident.verdicts.size, 'work', usage)
  }

  static async create(
    gpu: Gpu,
    resident: Resident,
    stepData: StepData,
    [target, draft]: readonly Llama[],
    { accept: kernel = kernels.accept, timer }: { accept?: Kernel; timer?: GpuTimer | undefined },
  ): Promise<Runner> {
    const { stepBinding, sampled, history, verdicts, params } = resident
    const pipeline = await gpu.pipeline(kernel, { CONTEXT: params.CONTEXT, RESULT_WORDS })
    const accept: Command = {
      label: 'accept',
      bindGroup: gpu.bindGroup(kernel, [stepBinding, sampled, history, verdicts]),
      over: 'verdicts',
      variants: [{ tile: 32, pipeline }],
      grid: tiles => [tiles, 1],
    }
    return new Runner(gpu, resident, stepData, target!, draft, accept, timer)
  }

  /** Brings an admitted sequence's tokens and block table to the GPU. */
  admit(sequence: Sequence): void {
    const { history, blocks, params } = this.resident
    this.#write(history, sequence.index * params.CONTEXT, sequence.tokens)
    this.#write(blocks, sequence.index * params.BLOCKS_PER_SEQUENCE, sequence.blocks)
  }

  /** `walk`: attention takes splits one after the other though it need not, to be checked. */
  async execute(step: Step, { walk = false } = {}): Promise<StepOutcome> {
    const { device } = this.gpu
    const begin = performance.now()
    for (const { sequence, tokens } of step.guesses) {
      this.#write(
        this.resident.history,
        sequence.index * this.resident.params.CONTEXT + sequence.length,
        tokens,
      )
    }
    const plans = step.draftPasses.map(pass => planAttention(pass, this.draft!.attention))
    const targetPlan = planAttention(step.targetPass, this.target.attention, walk)
    const { words, offsets } = this.stepData.encode(step, [...plans, targetPlan])
    device.queue.writeBuffer(this.resident.step, 0, words)

    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass(this.timer ? { timestampWrites: this.timer.writes } : {})
    let numDispatches = 0
    step.draftPasses.forEach((draftPass, i) => {
      numDispatches += record(pass, this.draft!.commands, draftPass, offsets[i]!, plans[i]!)
    })
    const last = offsets.at(-1)!
    numDispatches += record(pass, this.target.commands, step.targetPass, last, targetPlan)
    numDispatches += record(pass, [this.accept], step.targetPass, last, targetPlan)
    pass.end()
    this.timer?.resolve(encoder)
    encoder.copyBufferToBuffer(this.resident.verdicts, 0, this.#readback, 0, this.#readback.size)
    device.queue.submit([encoder.finish()])
    const recordMs = performance.now() - begin

    const scoring = step.targetPass.rows.some(row => row.sequence.request.scoreOnly)
    const logits = scoring ? await this.#readLogits(step.targetPass.samples.length) : undefined
    await this.#readback.mapAsync(GPUMapMode.READ)
    const results = new Uint32Array(this.#readback.getMappedRange())
    const verdicts = step.targetPass.verdicts.map(({ sequence }) => readVerdict(results, sequence))
    this.#readback.unmap()
    const gpuMs = await this.timer?.read()
    return { verdicts, numDispatches, recordMs, gpuMs, logits }
  }

  #write(buffer: GPUBuffer, index: number, values: readonly number[]): void {
    this.gpu.device.queue.writeBuffer(buffer, index * 4, new Uint32Array(values))
  }

  /** Outside the loop of generation: may create a buffer. */
  async #readLogits(numSamples: number): Promise<Float32Array> {
    const { device } = this.gpu
    const { logits, logitStride } = this.target
    const size = numSamples * logitStride * 4
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
    const staging = device.createBuffer({ label: 'logits readback', size, usage })
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(logits, 0, staging, 0, size)
    device.queue.submit([encoder.finish()])
    try {
      await staging.mapAsync(GPUMapMode.READ)
      return new Float32Array(staging.getMappedRange().slice(0))
    } finally {
      staging.destroy()
    }
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
