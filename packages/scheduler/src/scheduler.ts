/**
 * Which sequences run, how many rows each gets, which drafter and what depth. plan() decides, commit() records what
 * the GPU answered; nothing else changes a sequence. No GPU here: the same code drives engine, tests and simulator.
 */
import { BLOCK_SIZE, blocksFor } from './block-pool'
import { BlockTables } from './block-tables'
import { CostModel } from './cost-model'
import { DraftPlanner, type DraftPlannerConfig, NO_PREFILL } from './draft-planner'
import type { Estimates } from './estimates'
import { GoodputPolicy } from './goodput-policy'
import { addDecodeRows, addPrefillRows } from './passes'
import { DRAFT_MODELS, isOfCpu, MAX_DEPTH, MAX_NODES, type Method, OFF, type Policy } from './policy'
import { prefillBudget } from './prefill-budget'
import { type Progress, Sequence, type SequenceRequest, type TokenSource } from './sequence'
import { emptyStep, type Row, type Step, type Verdict } from './step'

/**
 * A request is overtaken by fewer than so many later ones for each level of priority that they have more than it: so no
 * request waits for ever.
 */
export const OVERTAKES_PER_LEVEL = 16

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

export interface KvCounts {
  numBlocks: number
  /** Held by running sequences. */
  numUsed: number
  /** Held by none, and full of what may be wanted again. */
  numCached: number
  /** Tokens that were not computed because a block held them. */
  numTokensShared: number
  numPreemptions: number
}

export class Scheduler {
  readonly cost = new CostModel()
  readonly #config: SchedulerConfig
  readonly #drafts: DraftPlanner
  readonly #tables: BlockTables
  readonly #freeIndices: number[]
  /** By rank, as `#running`. */
  readonly #waiting: Sequence[] = []
  readonly #running: Sequence[] = []
  #numAdded = 0
  #numPreemptions = 0

  constructor(config: SchedulerConfig) {
    // Else one could run out of blocks with nobody left to give way.
    if (config.numBlocks < blocksFor(config.contextLength))
      throw new RangeError(`${config.numBlocks} blocks for ${config.contextLength} positions`)
    this.#config = config
    this.#drafts = new DraftPlanner(config, config.policy ?? new GoodputPolicy(), this.cost)
    this.#tables = new BlockTables(config.numBlocks)
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

  /** What is in the KV blocks, and what sharing and preemption have come to. */
  get kv(): KvCounts {
    const { pool, numTokensShared } = this.#tables
    const { numBlocks, numFree, numIdle } = pool
    const numPreemptions = this.#numPreemptions
    return { numBlocks, numUsed: numBlocks - numFree, numCached: numIdle, numTokensShared, numPreemptions }
  }

  /** Undefined when the waiting queue has no place for it. The caller has checked that the prompt fits into the context. */
  add(request: SequenceRequest): Sequence | undefined {
    if (this.#waiting.length >= this.#config.maxWaiting) return undefined
    const maxLength = Math.min(request.prompt.length + request.maxTokens, this.#config.contextLength)
    const rank = this.#numAdded++ - (request.priority ?? 0) * OVERTAKES_PER_LEVEL
    const sequence = new Sequence(request, maxLength, rank)
    insertByRank(this.#waiting, sequence)
    return sequence
  }

  /** Drops a sequence wherever it is and frees what it holds. */
  remove(sequence: Sequence): void {
    const at = this.#waiting.indexOf(sequence)
    if (at >= 0) this.#waiting.splice(at, 1)
    else if (sequence.index < 0) return // it has left before
    this.#drafts.forget(sequence)
    if (sequence.index >= 0) this.#unplace(sequence)
  }

  #unplace(sequence: Sequence): void {
    this.#running.splice(this.#running.indexOf(sequence), 1)
    this.#tables.release(sequence)
    this.#freeIndices.push(sequence.index)
    sequence.index = -1
  }

  /** What is cached for nobody is no longer there. */
  forgetCached(): void {
    this.#tables.pool.forgetIdle()
  }

  /** Sequences that now have a place on the GPU; their tokens must be uploaded before the next step. */
  admit(): Sequence[] {
    const admitted: Sequence[] = []
    for (let next = this.#joining(); next; next = this.#joining()) {
      this.#waiting.shift()
      next.index = this.#freeIndices.pop()!
      insertByRank(this.#running, next)
      admitted.push(next)
    }
    return admitted
  }

  /** The first that waits, if there is a place for it and beside it every running sequence can grow by a block. */
  #joining(): Sequence | undefined {
    const [first] = this.#waiting
    if (!first || this.#freeIndices.length === 0) return undefined
    if (this.#running.length === 0) return first
    const missing = [first, ...this.#running].map(sequence => this.#tables.missing(sequence))
    return missing.reduce((sum, count) => sum + count) <= this.#tables.pool.numFree ? first : undefined
  }

  /** The next step, or undefined when nothing runs. No step may be in flight: who has to give way loses its place. */
  plan(): Step | undefined {
    const rows = this.#allot()
    if (rows.size === 0) return undefined
    const decoding = [...rows.keys()].filter(sequence => sequence.decoding)
    const filling = [...rows.keys()].filter(sequence => !sequence.decoding)
    const numPrefillRows = filling.reduce((sum, sequence) => sum + rows.get(sequence)!, 0)
    const step = emptyStep(false)
    for (const sequence of decoding) this.#growAhead(sequence)
    const late = this.#drafts.plan(step, decoding, {
      numSequences: filling.length,
      numRows: numPrefillRows,
      numFilling: this.#running.filter(sequence => !sequence.decoding && !sequence.request.scoreOnly).length,
    })
    addDecoding(step, decoding, late)
    // Scoring takes whatever sample places are left, so it comes last.
    filling.sort((a, b) => Number(a.request.scoreOnly ?? false) - Number(b.request.scoreOnly ?? false))
    for (const sequence of filling) {
      const most = Math.min(rows.get(sequence)!, this.#config.maxRows - step.targetPass.rows.length)
      addPrefillRows(step.targetPass, sequence, most, this.#config.maxSamples)
    }
    return this.#send(step)
  }

  /** Rows of each sequence without its draft, with blocks for all of them: who comes first takes them from the last. */
  #allot(): Map<Sequence, number> {
    for (const sequence of this.#running) if (!sequence.request.scoreOnly) this.#tables.adopt(sequence)
    const numDecoding = this.#running.filter(sequence => sequence.decoding).length
    const numRunning = this.#running.filter(({ request }) => !request.scoreOnly).length
    let budget = prefillBudget(this.cost.target, numDecoding, numRunning, this.#config.maxRows)
    const underway = new Set<number>()
    const rows = new Map<Sequence, number>()
    for (const sequence of [...this.#running]) {
      if (sequence.index < 0) continue // it gave way to one before it
      const count = sequence.decoding ? 1 : this.#chunk(sequence, budget, underway)
      if (count === 0 || !this.#makeRoom(sequence, sequence.numComputed + count)) continue
      rows.set(sequence, count)
      if (!sequence.decoding) budget -= count
    }
    return rows
  }

  /**
   * Rows of its prompt for this step. None if the block that comes next is being computed for another sequence, one of
   * `underway` by its hash: it will be there to be shared in the next step.
   */
  #chunk(sequence: Sequence, budget: number, underway: Set<number>): number {
    const { numComputed: start, length, request } = sequence
    const count = Math.min(budget, length - start, request.scoreOnly ? this.#config.maxSamples : length)
    const first = Math.floor(start / BLOCK_SIZE)
    const isShareable = start % BLOCK_SIZE === 0 && start + BLOCK_SIZE < length && !request.scoreOnly
    if (isShareable && underway.has(sequence.prefix(first).hash)) return 0
    const numFull = Math.floor(length / BLOCK_SIZE)
    for (let block = first; block < Math.min(numFull, blocksFor(start + count)); block++)
      underway.add(sequence.prefix(block).hash)
    return count
  }

  /** Blocks for so many positions. Where they run out the last in rank gives way; false if it is this one. */
  #makeRoom(sequence: Sequence, positions: number): boolean {
    while (!this.#tables.grow(sequence, positions)) {
      const last = this.#running.at(-1)!
      this.#preempt(last)
      if (last === sequence) return false
    }
    return true
  }

  /** Back to those that wait, its tokens kept: they are computed again, to the same bits, once there is room. */
  #preempt(sequence: Sequence): void {
    this.#numPreemptions++
    this.#unplace(sequence)
    insertByRank(this.#waiting, sequence)
  }

  get #mostDrafted(): number {
    return this.#config.trees ? MAX_NODES : MAX_DEPTH
  }

  /** Blocks for what it may draft, if there are any: nobody gives way for a guess. */
  #growAhead(sequence: Sequence): void {
    const { length, numInFlight, maxLength, request } = sequence
    const next = Math.min(maxLength, length + numInFlight)
    const most = Math.min(maxLength, next + (request.speculation === 'off' ? 0 : this.#mostDrafted))
    if (!this.#tables.grow(sequence, most)) this.#tables.grow(sequence, next)
  }

  /**
   * The step after `current`, whose verdict is still out: only plain decoding and drafting can be planned blindly.
   * Undefined where it is better, or necessary, to wait for the verdict.
   */
  planAhead(current: Step): Step | undefined {
    const looksUp = (sequence: Sequence): boolean => current.choices.get(sequence)?.method === 'lookup'
    const wantsTokens = ({ request: { speculation: wish } }: Sequence): boolean =>
      typeof wish === 'object' && isOfCpu(wish.method)
    const blind = (sequence: Sequence): boolean =>
      // Inside a repetition the next lookup will find something too; elsewhere the tokens are needed to know.
      (looksUp(sequence) || !wantsTokens(sequence)) &&
      sequence.room >= 0 &&
      sequence.request.logProbs === undefined &&
      // The ids of what is judged by probabilities depend on its depths, and these must not depend on company.
      sequence.request.verification === undefined &&
      // What its grammar allows depends on the tokens.
      sequence.request.constraint === undefined &&
      this.#config.guess?.(sequence, 1) === undefined
    if (this.#running.length === 0 || this.#joining()) return undefined
    if (!this.#running.every(({ numInFlight }) => numInFlight > 0)) return undefined
    for (const sequence of this.#running) this.#growAhead(sequence)
    if (!this.#running.every(blind)) return undefined
    const step = emptyStep(true)
    const late = this.#drafts.plan(step, this.#running, NO_PREFILL, current)
    // Guesses of the CPU, or the chance of them, are worth waiting for: they need the tokens.
    if (step.guesses.length > 0) return undefined
    addDecoding(step, this.#running, late)
    return this.#send(step)
  }

  #send(step: Step): Step {
    step.tables = this.#tables.takeChanged()
    for (const { sequence, depth } of step.targetPass.verdicts) sequence.numInFlight += depth + 1
    return step
  }

  /**
   * Takes in the GPU's verdicts. Returns what each sequence gained; finished ones have left the scheduler. `ms`: from the
   * end of the step before; undefined where it tells nothing, since something else came between.
   */
  commit(step: Step, verdicts: readonly Verdict[], ms: number | undefined): Progress[] {
    if (ms !== undefined) this.cost.observeStep(step, ms)
    for (const { sequence, depth } of step.targetPass.verdicts) sequence.numInFlight -= depth + 1
    // A step planned ahead counted from the lengths that the sequences have now.
    const positionOf = ({ sequence, position }: Row): number =>
      position + (step.isAhead ? sequence.length : 0)
    // One that ended while the step was in flight gained nothing from it.
    const stands = ({ sequence }: { sequence: Sequence }): boolean => sequence.index >= 0
    for (const row of step.targetPass.rows.filter(stands)) {
      row.sequence.numComputed = Math.max(row.sequence.numComputed, positionOf(row) + 1)
    }
    for (const { net, rows } of step.draftPasses) {
      if (net === 'heads') continue
      // Which of a tree's nodes will stand is not known when they are computed.
      for (const row of rows.filter(row => row.node === undefined && stands(row))) {
        const { numDraftComputed } = row.sequence
        numDraftComputed[net] = Math.max(numDraftComputed[net], positionOf(row) + 1)
      }
    }
    const progress = verdicts.filter(stands).map(verdict => this.#commitVerdict(step, verdict))
    for (const sequence of [...this.#running]) {
      this.#tables.publish(sequence)
      if (sequence.request.scoreOnly && sequence.numComputed === sequence.length)
        sequence.finishReason = 'scored'
      if (sequence.finishReason) this.remove(sequence)
    }
    return progress
  }

  #commitVerdict(step: Step, verdict: Verdict): Progress {
    const { sequence, tokens, numDrafted, numAccepted, stopped, margins } = verdict
    const { method } = (numDrafted > 0 && step.choices.get(sequence)) || OFF
    sequence.tokens.push(...tokens)
    sequence.hasState = true
    // KV of rejected tokens is dropped by forgetting it: their positions are written again.
    sequence.numComputed = Math.min(sequence.numComputed, sequence.length - 1)
    for (const model of DRAFT_MODELS) {
      const { numDraftComputed } = sequence
      numDraftComputed[model] = Math.min(numDraftComputed[model], sequence.length - 1)
    }
    if (stopped) sequence.finishReason = 'stop'
    else if (sequence.length >= sequence.maxLength) sequence.finishReason = 'length'
    this.#drafts.observe(step, verdict)
    this.#drafts.learn(sequence, tokens.length)
    const source = method === 'off' ? 'target' : sourceOf(method)
    return {
      sequence,
      tokens,
      sources: tokens.map((_, i) => (i < numAccepted ? source : 'target')),
      choice: { method, depth: numDrafted },
      ...(margins ? { margins } : {}),
    }
  }
}

/** Behind all that are served before it. */
function insertByRank(queue: Sequence[], sequence: Sequence): void {
  const after = queue.findIndex(other => other.rank > sequence.rank)
  queue.splice(after < 0 ? queue.length : after, 0, sequence)
}

/** Whose draft model has yet to catch up goes on without, unless that would give it other ids: then it waits. */
function addDecoding(step: Step, decoding: readonly Sequence[], late: ReadonlySet<Sequence>): void {
  for (const sequence of decoding) {
    if (!late.has(sequence) || !sequence.request.verification) addDecodeRows(step, sequence)
  }
}

/** Several of a kind, and its trees, are one source. */
const sourceOf = (method: Method): TokenSource => method.split('-')[0] as TokenSource
