/** Executes a step: one submit for draft passes, target pass and acceptance; one small readback. */
import { invariant } from '@foretoken/errors'
import {
  DRAFT_MODELS,
  type DraftNet,
  MAX_DEPTH,
  netOf,
  OFF,
  readBack,
  type Sequence,
  type Step,
  type Verdict,
  type VerdictRequest,
} from '@foretoken/scheduler'
import { type Kernel, kernels } from '@foretoken/shaders'
import { ADJUSTMENT_WORDS, adjustmentFlags, adjustmentWords, PENALISED, tokenCounts } from './adjustments'
import { type AttentionOptions, type AttentionPlan, planAttention } from './attention-plan'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import { type Command, record, recordAlone } from './command'
import type { Drafts } from './constrained-step'
import { DraftReadback, NO_TOKEN, planDraftReadback } from './draft-readback'
import type { Gpu } from './gpu'
import type { GpuTimer } from './gpu-timer'
import type { Llama } from './llama'
import { LogProbReadback, type TokenLogProbs } from './log-probs'
import { LogitReadback, planLogitReadback } from './logit-readback'
import { type OwnCommands, ownCommands } from './own-commands'
import {
  MARGINS_AT,
  PATH_AT,
  type PlannedResident,
  RESULT_WORDS,
  type Resident,
  type Sizes,
} from './resident'
import type { StepData } from './step-data'
import type { TokenMasks } from './token-masks'

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

/** A step that the GPU has been given. */
export interface SubmittedStep {
  step: Step
  /** On performance.now()'s clock. */
  submittedAt: number
  outcome: Promise<StepOutcome>
}

/** Steps that may be under way: one is read while the next one runs. */
export const MAX_IN_FLIGHT = 2

/** What one step in flight is read back through. */
interface Slot {
  verdicts: GPUBuffer
  timer: GpuTimer | undefined
}

/** What is known of a step before it is submitted. */
export interface Prepared {
  /** Of every sequence that has a grammar. */
  masks?: readonly TokenMasks[]
  /** The draft passes have run: what they drafted, as far as grammars allow it. */
  drafted?: { drafts: Drafts; numDispatches: number; submittedAt: number }
}

interface Extras {
  accept?: Kernel
  numHeads?: number
  /** To measure the GPU's own time of every step: one per step in flight, or none. */
  timers: readonly GpuTimer[]
}

export type PlannedReadbacks = Record<'logProbs' | 'logits', PlannedBuffer> & {
  /** One per step in flight. */
  verdicts: PlannedBuffer[]
  /** Where requests may have a grammar. */
  drafts: PlannedBuffer | undefined
}

/** `stride`: floats of a row of the target's logits. */
export function planReadbacks(
  plan: BufferPlan,
  { shared }: PlannedResident,
  sizes: Sizes,
  stride: number,
): PlannedReadbacks {
  return {
    drafts: sizes.maskWords > 0 ? planDraftReadback(plan, sizes) : undefined,
    verdicts: Array.from({ length: MAX_IN_FLIGHT }, () =>
      plan.add('readback', shared.verdicts.bytes, 'work', 'readback'),
    ),
    logProbs: plan.add('log-probabilities readback', shared.logProbs.bytes, 'work', 'readback'),
    logits: planLogitReadback(plan, sizes.maxSamples, stride),
  }
}

export class Runner {
  readonly #slots: Slot[]
  readonly #logProbReadback: LogProbReadback
  readonly #logitReadback: LogitReadback
  readonly #draftReadback: DraftReadback | undefined
  #numSubmitted = 0

  private constructor(
    readonly gpu: Gpu,
    readonly resident: Resident,
    readonly stepData: StepData,
    readonly target: Llama,
    readonly drafts: readonly Llama[],
    readonly numHeads: number,
    /** Commands beside the models'. */
    readonly own: OwnCommands,
    readbacks: PlannedReadbacks,
    timers: readonly GpuTimer[],
  ) {
    this.#slots = readbacks.verdicts.map((verdicts, i) => ({
      verdicts: gpu.buffer(verdicts),
      timer: timers[i],
    }))
    this.#logProbReadback = new LogProbReadback(resident.logProbs, gpu.buffer(readbacks.logProbs))
    this.#logitReadback = new LogitReadback(
      gpu.device,
      target.logits,
      target.logitStride,
      gpu.buffer(readbacks.logits),
    )
    const { drafts: staging } = readbacks
    this.#draftReadback =
      staging && new DraftReadback(resident.history, gpu.buffer(staging), resident.params.CONTEXT)
  }

  static async create(
    gpu: Gpu,
    resident: Resident,
    stepData: StepData,
    [target, ...drafts]: readonly Llama[],
    readbacks: PlannedReadbacks,
    { accept = kernels.accept, numHeads = 0, timers }: Extras,
  ): Promise<Runner> {
    const own = await ownCommands(gpu, resident, accept)
    return new Runner(gpu, resident, stepData, target!, drafts, numHeads, own, readbacks, timers)
  }

  /** For benches that time passes of their own. */
  get timer(): GpuTimer | undefined {
    return this.#slots[0]!.timer
  }

  /** Brings an admitted sequence's tokens to the GPU, and what its samples need; blocks come with the steps. */
  admit(sequence: Sequence): void {
    const { history, lengths, counts, adjustments, params } = this.resident
    const { index, request } = sequence
    this.#write(history, index * params.CONTEXT, sequence.tokens)
    this.#write(lengths, index, [sequence.length])
    const flags = adjustmentFlags(request.sampling)
    if (flags) this.#write(adjustments, index * ADJUSTMENT_WORDS, adjustmentWords(request.sampling))
    if (flags & PENALISED) this.#write(counts, index * params.VOCAB, tokenCounts(sequence, params.VOCAB))
  }

  /** Runs a step alone. `attention`: otherwise than it would, to be checked. */
  execute(step: Step, attention: AttentionOptions = {}): Promise<StepOutcome> {
    return this.submit(step, {}, attention).outcome
  }

  /** Records and submits a step: draft passes, the target's pass, acceptance. At most MAX_IN_FLIGHT are under way. */
  submit(
    step: Step,
    { masks = [], drafted }: Prepared = {},
    attention: AttentionOptions = {},
  ): SubmittedStep {
    const { device } = this.gpu
    const begin = performance.now()
    this.#check(step)
    const slot = this.#slots[this.#numSubmitted++ % MAX_IN_FLIGHT]!
    const plans = this.plan(step, attention)
    const offsets = this.#upload(step, plans)
    this.#constrain(step, masks, drafted?.drafts)
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass(slot.timer ? { timestampWrites: slot.timer.writes } : {})
    let numDispatches = drafted?.numDispatches ?? 0
    if (step.isAhead) numDispatches += recordAlone(pass, this.own.place, this.own.numPlaceGroups(step))
    if (step.lookups.length > 0) numDispatches += recordAlone(pass, this.own.lookup, step.lookups.length)
    if (!drafted) numDispatches += this.#recordDrafts(pass, step, offsets, plans)
    const last = offsets.at(-1)!
    const targetPlan = plans.at(-1)!
    numDispatches += record(pass, this.target.commands, step.targetPass, last, targetPlan)
    numDispatches += record(
      pass,
      [this.own.accept, ...this.target.afterVerdict],
      step.targetPass,
      last,
      targetPlan,
    )
    pass.end()
    slot.timer?.resolve(encoder)
    encoder.copyBufferToBuffer(this.resident.verdicts, 0, slot.verdicts, 0, slot.verdicts.size)
    this.#logProbReadback.copy(encoder, step.targetPass)
    device.queue.submit([encoder.finish()])
    const recordMs = performance.now() - begin
    const outcome = this.#read(step, slot, { numDispatches, recordMs })
    // Whoever waits for it hears of a failure; nobody does where an earlier step has failed already.
    outcome.catch(() => {})
    return { step, submittedAt: drafted?.submittedAt ?? begin, outcome }
  }

  /** Runs the draft passes of a step alone, and tells what they drafted for those who have a grammar. */
  async draft(step: Step): Promise<NonNullable<Prepared['drafted']>> {
    const submittedAt = performance.now()
    const sequences = readBack(step)
    const plans = this.plan(step)
    const offsets = this.#upload(step, plans)
    const encoder = this.gpu.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    const numDispatches = this.#recordDrafts(pass, step, offsets, plans)
    pass.end()
    this.#draftReadback!.copy(encoder, step, sequences)
    this.gpu.device.queue.submit([encoder.finish()])
    const drafts = await this.#draftReadback!.read(step, sequences)
    return { drafts, numDispatches, submittedAt }
  }

  #recordDrafts(
    pass: GPUComputePassEncoder,
    { draftPasses }: Step,
    offsets: readonly number[],
    plans: readonly AttentionPlan[],
  ): number {
    return draftPasses.reduce((sum, draftPass, i) => {
      return sum + record(pass, this.#commandsOf(draftPass.net), draftPass, offsets[i]!, plans[i]!)
    }, 0)
  }

  /** Writes what grammars allow, and ends drafts at what they forbid. */
  #constrain({ choices }: Step, masks: readonly TokenMasks[], drafts: Drafts = new Map()): void {
    const { history, sizes, params } = this.resident
    for (const { firstSample, words } of masks)
      this.gpu.device.queue.writeBuffer(this.resident.masks!, firstSample * sizes.maskWords * 4, words)
    for (const [sequence, tokens] of drafts) {
      if (tokens.length === choices.get(sequence)!.depth) continue
      this.#write(history, sequence.index * params.CONTEXT + sequence.length + tokens.length, [NO_TOKEN])
    }
  }

  #check({ targetPass: { rows, samples } }: Step): void {
    const { maxRows, maxSamples } = this.resident.sizes
    const fits = rows.length <= maxRows && samples.length <= maxSamples
    const asked = `${rows.length} rows and ${samples.length} samples`
    invariant(fits, () => `a pass of ${asked} in buffers for ${maxRows} and ${maxSamples}`)
  }

  /** Heads are the target's. */
  #modelOf(net: DraftNet): Llama {
    return net === 'heads' ? this.target : this.drafts[DRAFT_MODELS.indexOf(net)]!
  }

  #commandsOf(net: DraftNet): readonly Command[] {
    return net === 'heads' ? this.target.heads! : this.#modelOf(net).commands
  }

  /** How each pass attends, draft passes first. */
  plan({ draftPasses, targetPass, isAhead }: Step, options: AttentionOptions = {}): AttentionPlan[] {
    return [
      ...draftPasses.map(pass => planAttention(pass, this.#modelOf(pass.net).attention, { isAhead })),
      planAttention(targetPass, this.target.attention, { ...options, isAhead }),
    ]
  }

  /** Writes what the step's kernels read. Returns where each pass's section begins. */
  #upload(step: Step, plans: readonly AttentionPlan[]): number[] {
    const { history, blocks, params } = this.resident
    for (const { index, blocks: table } of step.tables)
      this.#write(blocks, index * params.BLOCKS_PER_SEQUENCE, table)
    for (const { sequence, tokens } of step.guesses)
      this.#write(history, sequence.index * params.CONTEXT + sequence.length, tokens)
    if (step.lookups.length > 0) {
      const words = step.lookups.flatMap(({ sequence, depth }) => [sequence.index, depth])
      this.#write(this.resident.lookups, 0, [step.lookups.length, ...words])
    }
    const { words, offsets, places } = this.stepData.encode(step, plans)
    const { queue } = this.gpu.device
    queue.writeBuffer(this.resident.step, 0, words)
    if (step.isAhead) queue.writeBuffer(this.resident.places, 0, places)
    return offsets
  }

  async #read(
    step: Step,
    { verdicts: readback, timer }: Slot,
    recorded: Pick<StepOutcome, 'numDispatches' | 'recordMs'>,
  ): Promise<StepOutcome> {
    const { rows, samples, verdicts: requests } = step.targetPass
    const scoring = rows.some(row => row.sequence.request.scoreOnly)
    // The sequences as they are placed now: one that leaves meanwhile loses its place.
    const indices = requests.map(({ sequence }) => sequence.index)
    const logits = scoring ? await this.#logitReadback.read(samples.length) : undefined
    await readback.mapAsync(GPUMapMode.READ)
    const results = new Uint32Array(readback.getMappedRange())
    const verdicts = requests.map((request, i) => {
      const verdict = readVerdict(results, request, indices[i]!)
      const margins = leavesMargins(step, request) && marginsOf(results, indices[i]!, verdict.numDrafted)
      return margins ? { ...verdict, margins } : verdict
    })
    readback.unmap()
    const logProbs = await this.#logProbReadback.read(step.targetPass, verdicts)
    const gpuMs = await timer?.read()
    return { ...recorded, verdicts, gpuMs, logits, logProbs }
  }

  #write(buffer: GPUBuffer, index: number, values: ArrayLike<number>): void {
    this.gpu.device.queue.writeBuffer(buffer, index * 4, new Uint32Array(values))
  }
}

function readVerdict(results: Uint32Array, { sequence, isTree }: VerdictRequest, index: number): Verdict {
  const at = index * RESULT_WORDS
  const numTokens = results[at]!
  invariant(numTokens >= 1 && numTokens <= MAX_DEPTH + 1, () => `verdict of ${numTokens} tokens`)
  return {
    sequence,
    tokens: [...results.subarray(at + 4, at + 4 + numTokens)],
    numDrafted: results[at + 3]!,
    numAccepted: results[at + 1]!,
    stopped: results[at + 2] === 1,
    ...(isTree ? { path: pathOf(results, at, numTokens) } : {}),
  }
}

/** Whether a net drew its chain: what it left elsewhere is of an earlier step. */
function leavesMargins({ choices }: Step, { sequence, isTree }: VerdictRequest): boolean {
  const { method } = choices.get(sequence) ?? OFF
  return method !== 'off' && !isTree && netOf(method) !== undefined
}

/** How sure the draft was of each of its tokens: sample.wgsl. */
const marginsOf = (results: Uint32Array, index: number, numDrafted: number): number[] => [
  ...new Float32Array(results.buffer, (index * RESULT_WORDS + MARGINS_AT) * 4, numDrafted),
]

/** The nodes that a tree's tokens were sampled at: accept.wgsl. */
const pathOf = (results: Uint32Array, at: number, numTokens: number): number[] =>
  Array.from({ length: numTokens }, (_, i) => (results[at + PATH_AT + (i >> 2)]! >> ((i & 3) * 8)) & 0xff)
