/**
 * Which sequences run, how many rows each gets, which drafter and what depth. plan() decides, commit() records what
 * the GPU answered; nothing else changes a sequence. No GPU here: the same code drives engine, tests and simulator.
 */
import { BlockPool, blocksFor } from './block-pool'
import { CostModel } from './cost-model'
import { DraftPlanner, type DraftPlannerConfig } from './draft-planner'
import type { Estimates } from './estimates'
import { GoodputPolicy } from './goodput-policy'
import { addDecodeRows, addDraftPasses, addPrefillRows } from './passes'
import { OFF, type Policy } from './policy'
import { type Progress, Sequence, type SequenceRequest } from './sequence'
import { emptyPass, type Row, type Step, type Verdict } from './step'

export interface SchedulerConfig extends DraftPlannerConfig {
  /** Sequences that run together. */
  maxConcurrent: number
  /** Sequences that wait. */
  maxWaiting: number
  contextLength: number
  numBlocks: number
  /** Goodput, where there is no other. */
  policy?: Policy
}

export class Scheduler {
  readonly cost = new CostModel()
  readonly #config: SchedulerConfig
  readonly #drafts: DraftPlanner
  readonly #pool: BlockPool
  readonly #freeIndices: number[]
  readonly #waiting: Sequence[] = []
  readonly #running: Sequence[] = []

  constructor(config: SchedulerConfig) {
    this.#config = config
    this.#drafts = new DraftPlanner(config, config.policy ?? new GoodputPolicy(), this.cost)
    this.#pool = new BlockPool(config.numBlocks)
    this.#freeIndices = Array.from({ length: config.maxConcurrent }, (_, i) => config.maxConcurrent - 1 - i)
  }

  get estimates(): Estimates {
    return this.#drafts.estimates
  }

  get running(): readonly Sequence[] {
    return this.#running
  }

  get numWaiting(): number {
    return this.#waiting.length
  }

  /** False when the waiting queue is full. The caller has checked that the prompt fits into the context. */
  add(request: SequenceRequest): Sequence | undefined {
    if (this.#waiting.length >= this.#config.maxWaiting) return undefined
    const maxLength = Math.min(request.prompt.length + request.maxTokens, this.#config.contextLength)
    const sequence = new Sequence(request, maxLength)
    this.#waiting.push(sequence)
    return sequence
  }

  /** Drops a sequence wherever it is and frees what it holds. */
  remove(sequence: Sequence): void {
    for (const queue of [this.#waiting, this.#running]) {
      const at = queue.indexOf(sequence)
      if (at >= 0) queue.splice(at, 1)
    }
    this.#drafts.forget(sequence)
    if (sequence.index < 0) return
    this.#pool.give(sequence.blocks)
    this.#freeIndices.push(sequence.index)
    sequence.blocks = []
    sequence.index = -1
  }

  /** Sequences that now have a place on the GPU; their tokens and blocks must be uploaded before the next step. */
  admit(): Sequence[] {
    const admitted: Sequence[] = []
    while (this.#waiting.length > 0 && this.#freeIndices.length > 0) {
      // All its blocks at once: a running sequence never has to give way.
      const blocks = this.#pool.take(blocksFor(this.#waiting[0]!.maxLength))
      if (!blocks) break
      const sequence = this.#waiting.shift()!
      sequence.blocks = blocks
      sequence.index = this.#freeIndices.pop()!
      this.#running.push(sequence)
      admitted.push(sequence)
    }
    return admitted
  }

  /** The next step, or undefined when nothing runs. */
  plan(): Step | undefined {
    if (this.#running.length === 0) return undefined
    const decoding = this.#running.filter(sequence => sequence.decoding)
    const filling = this.#running.filter(sequence => !sequence.decoding)
    const step = this.#newStep(false)

    this.#drafts.plan(step, decoding, filling)
    this.#addDecoding(step, decoding)
    // Scoring takes whatever sample places are left, so it comes last.
    filling.sort((a, b) => Number(a.request.scoreOnly ?? false) - Number(b.request.scoreOnly ?? false))
    for (const sequence of filling) {
      addPrefillRows(step.targetPass, sequence, this.#config.maxRows, this.#config.maxSamples)
    }
    return this.#send(step)
  }

  /**
   * The step after `current`, whose verdict is still out: only plain decoding and drafting can be planned blindly.
   * Undefined where it is better, or necessary, to wait for the verdict.
   */
  planAhead(current: Step): Step | undefined {
    const canJoin = this.#waiting.length > 0 && this.#freeIndices.length > 0
    const looksUp = (sequence: Sequence): boolean => current.choices.get(sequence)?.method === 'lookup'
    const wantsLookup = ({ request: { speculation: wish } }: Sequence): boolean =>
      typeof wish === 'object' && wish.method === 'lookup'
    const blind = (sequence: Sequence): boolean =>
      sequence.numInFlight > 0 &&
      // Inside a repetition the next lookup will find something too; elsewhere the tokens are needed to know.
      (looksUp(sequence) || !wantsLookup(sequence)) &&
      sequence.room >= 0 &&
      sequence.request.logProbs === undefined &&
      this.#config.guess?.(sequence, 1) === undefined
    if (canJoin || this.#running.length === 0 || !this.#running.every(blind)) return undefined
    const step = this.#newStep(true)
    this.#drafts.plan(step, this.#running, [], current)
    if (!step.lookups.every(({ sequence }) => looksUp(sequence))) return undefined
    this.#addDecoding(step, this.#running, current)
    return this.#send(step)
  }

  #addDecoding(step: Step, decoding: readonly Sequence[], current?: Step): void {
    addDraftPasses(step, this.#config.maxRows, sequence => this.#drafts.lag(sequence, current)!)
    for (const sequence of decoding) addDecodeRows(step, sequence)
  }

  #newStep(isAhead: boolean): Step {
    return { isAhead, draftPasses: [], targetPass: emptyPass(), guesses: [], lookups: [], choices: new Map() }
  }

  #send(step: Step): Step {
    for (const { sequence, depth } of step.targetPass.verdicts) sequence.numInFlight += depth + 1
    return step
  }

  /** Takes in the GPU's verdicts. Returns what each sequence gained; finished ones have left the scheduler. */
  commit(step: Step, verdicts: readonly Verdict[], stepMs: number): Progress[] {
    this.cost.observeStep(step, stepMs)
    for (const { sequence, depth } of step.targetPass.verdicts) sequence.numInFlight -= depth + 1
    // A step planned ahead counted from the lengths that the sequences have now.
    const positionOf = ({ sequence, position }: Row): number =>
      position + (step.isAhead ? sequence.length : 0)
    for (const row of step.targetPass.rows) {
      row.sequence.numComputed = Math.max(row.sequence.numComputed, positionOf(row) + 1)
    }
    for (const { rows } of step.draftPasses) {
      for (const row of rows) {
        row.sequence.numDraftComputed = Math.max(row.sequence.numDraftComputed, positionOf(row) + 1)
      }
    }
    // One that ended while the step was in flight gained nothing from it.
    const standing = verdicts.filter(({ sequence }) => sequence.index >= 0)
    const progress = standing.map(verdict => this.#commitVerdict(step, verdict))
    for (const sequence of [...this.#running]) {
      if (sequence.request.scoreOnly && sequence.numComputed === sequence.length)
        sequence.finishReason = 'scored'
      if (sequence.finishReason) this.remove(sequence)
    }
    return progress
  }

  #commitVerdict(step: Step, verdict: Verdict): Progress {
    const { sequence, tokens, numDrafted, numAccepted, stopped } = verdict
    const { method } = (numDrafted > 0 && step.choices.get(sequence)) || OFF
    sequence.tokens.push(...tokens)
    // KV of rejected tokens is dropped by forgetting it: their positions are written again.
    sequence.numComputed = Math.min(sequence.numComputed, sequence.length - 1)
    sequence.numDraftComputed = Math.min(sequence.numDraftComputed, sequence.length - 1)
    this.#drafts.observe({ method, depth: numDrafted }, verdict)
    if (stopped) sequence.finishReason = 'stop'
    else if (sequence.length >= sequence.maxLength) sequence.finishReason = 'length'
    const source = method === 'off' ? 'target' : method
    return {
      sequence,
      tokens,
      sources: tokens.map((_, i) => (i < numAccepted ? source : 'target')),
      choice: { method, depth: numDrafted },
    }
  }
}
