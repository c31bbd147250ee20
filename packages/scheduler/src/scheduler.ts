/**
 * Which sequences run, how many rows each gets, which drafter and what depth. plan() decides, commit() records what
 * the GPU answered; nothing else changes a sequence. No GPU here: the same code drives engine, tests and simulator.
 */
import { BlockPool, blocksFor } from './block-pool'
import { CostModel } from './cost-model'
import { DraftPlanner, type DraftPlannerConfig } from './draft-planner'
import { type Estimates, isTreeMethod } from './estimates'
import { GoodputPolicy } from './goodput-policy'
import { addDecodeRows, addPrefillRows } from './passes'
import { DRAFT_MODELS, type Method, OFF, type Policy } from './policy'
import { type Progress, Sequence, type SequenceRequest, type TokenSource } from './sequence'
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
      sequence.hasState = false
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

    const late = this.#drafts.plan(step, decoding, filling)
    addDecoding(step, decoding, late)
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
    const wantsTokens = ({ request: { speculation: wish } }: Sequence): boolean =>
      typeof wish === 'object' && knowsTokens.includes(wish.method)
    const blind = (sequence: Sequence): boolean =>
      sequence.numInFlight > 0 &&
      // Inside a repetition the next lookup will find something too; elsewhere the tokens are needed to know.
      (looksUp(sequence) || !wantsTokens(sequence)) &&
      sequence.room >= 0 &&
      sequence.request.logProbs === undefined &&
      // The ids of what is judged by probabilities depend on its depths, and these must not depend on company.
      sequence.request.verification === undefined &&
      this.#config.guess?.(sequence, 1) === undefined
    if (canJoin || this.#running.length === 0 || !this.#running.every(blind)) return undefined
    const step = this.#newStep(true)
    const late = this.#drafts.plan(step, this.#running, [], current)
    // Guesses of the CPU are worth waiting for, and need the tokens.
    if (step.guesses.length > 0 || !step.lookups.every(({ sequence }) => looksUp(sequence))) return undefined
    addDecoding(step, this.#running, late)
    return this.#send(step)
  }

  #newStep(isAhead: boolean): Step {
    return {
      isAhead,
      draftPasses: [],
      targetPass: emptyPass(),
      guesses: [],
      lookups: [],
      choices: new Map(),
      trees: new Map(),
    }
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
    for (const { net, rows } of step.draftPasses) {
      if (net === 'heads') continue
      // Which of a tree's nodes will stand is not known when they are computed.
      for (const row of rows.filter(({ node }) => node === undefined)) {
        const { numDraftComputed } = row.sequence
        numDraftComputed[net] = Math.max(numDraftComputed[net], positionOf(row) + 1)
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
    sequence.hasState = true
    // KV of rejected tokens is dropped by forgetting it: their positions are written again.
    sequence.numComputed = Math.min(sequence.numComputed, sequence.length - 1)
    for (const model of DRAFT_MODELS) {
      const { numDraftComputed } = sequence
      numDraftComputed[model] = Math.min(numDraftComputed[model], sequence.length - 1)
    }
    if (method !== 'off') this.#observe(step, method, verdict)
    this.#drafts.learn(sequence, tokens.length)
    if (stopped) sequence.finishReason = 'stop'
    else if (sequence.length >= sequence.maxLength) sequence.finishReason = 'length'
    const source = method === 'off' ? 'target' : sourceOf(method)
    return {
      sequence,
      tokens,
      sources: tokens.map((_, i) => (i < numAccepted ? source : 'target')),
      choice: { method, depth: numDrafted },
    }
  }

  #observe(step: Step, method: Method, { sequence, numDrafted, numAccepted, stopped, path }: Verdict): void {
    // A stop inside the draft hides what would have become of the rest.
    if (!isTreeMethod(method)) {
      this.estimates.observe(sequence, method, stopped ? numAccepted : numDrafted, numAccepted)
    } else if (path) this.estimates.observeTree(method, step.trees.get(sequence)!, path, stopped)
  }
}

/** Whose draft model has yet to catch up goes on without, unless that would give it other ids: then it waits. */
function addDecoding(step: Step, decoding: readonly Sequence[], late: ReadonlySet<Sequence>): void {
  for (const sequence of decoding) {
    if (!late.has(sequence) || !sequence.request.verification) addDecodeRows(step, sequence)
  }
}

/** They guess from the last tokens, on the CPU. */
const knowsTokens: readonly Method[] = ['lookup', 'cache', 'lookup-tree']

/** Several of a kind, and its trees, are one source. */
const sourceOf = (method: Method): TokenSource => method.split('-')[0] as TokenSource
