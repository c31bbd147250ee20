/**
 * Which sequences run, how many rows each gets, which drafter and what depth. plan() decides, commit() records what
 * the GPU answered; nothing else changes a sequence. No GPU here: the same code drives engine, tests and simulator.
 */
import { Acceptance } from './acceptance'
import { BlockPool, blocksFor } from './block-pool'
import {
  type Choice,
  type Contender,
  chooseSpeculation,
  goodput,
  MAX_DEPTH,
  type Method,
  OFF,
  probesAround,
  type Situation,
} from './controller'
import { CostModel } from './cost-model'
import { cutGuess, NO_GUESS, treeRows } from './guess'
import { lookup } from './lookup'
import { type Progress, Sequence, type SequenceRequest } from './sequence'
import { emptyPass, type Guess, type Pass, type Row, type Step, type Verdict } from './step'

export interface SchedulerConfig {
  /** Sequences that run together. */
  maxConcurrent: number
  /** Sequences that wait. */
  maxWaiting: number
  contextLength: number
  /** Rows and samples that fit into one pass. */
  maxRows: number
  maxSamples: number
  numBlocks: number
  hasDraft: boolean
  /** Up to `depth` guesses for a sequence; prompt lookup unless a test puts another drafter in its place. */
  guess?: (sequence: Sequence, depth: number) => Guess | undefined
  /** Another policy, for tests and benches; undefined leaves a decision to the controller. */
  choose?: (situation: Situation) => Choice | undefined
}

/** Every so many decisions something else than the best choice is tried. */
const PROBE_EVERY = 64
/** The draft model's catch-up is spread over so many steps at most. */
const CATCH_UP_STEPS = 16

export class Scheduler {
  readonly acceptance: Record<Method, Acceptance> = {
    draft: new Acceptance(MAX_DEPTH),
    lookup: new Acceptance(MAX_DEPTH),
  }
  readonly cost = new CostModel()
  readonly #config: SchedulerConfig
  readonly #pool: BlockPool
  readonly #freeIndices: number[]
  readonly #waiting: Sequence[] = []
  readonly #running: Sequence[] = []
  #numDecisions = 0
  /** The step in flight, while the next one is planned. */
  #current: Step | undefined

  constructor(config: SchedulerConfig) {
    this.#config = config
    this.#pool = new BlockPool(config.numBlocks)
    this.#freeIndices = Array.from({ length: config.maxConcurrent }, (_, i) => config.maxConcurrent - 1 - i)
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

    this.#chooseDrafts(step, decoding, filling)
    this.#addDraftPasses(step)
    for (const sequence of decoding) this.#addDecodeRows(step, sequence)
    // Scoring takes whatever sample places are left, so it comes last.
    filling.sort((a, b) => Number(a.request.scoreOnly ?? false) - Number(b.request.scoreOnly ?? false))
    for (const sequence of filling) this.#addPrefillRows(step.targetPass, sequence)
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
    this.#current = current
    this.#chooseDrafts(step, this.#running, [])
    const isSure = step.lookups.every(({ sequence }) => looksUp(sequence))
    if (isSure) {
      this.#addDraftPasses(step)
      for (const sequence of this.#running) this.#addDecodeRows(step, sequence)
    }
    this.#current = undefined
    return isSure ? this.#send(step) : undefined
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
    this.#observeCost(step, stepMs)
    for (const { sequence, depth } of step.targetPass.verdicts) sequence.numInFlight -= depth + 1
    // A step planned ahead counted from the lengths that the sequences have now.
    const positionOf = ({ sequence, position }: Row): number =>
      position + (step.isAhead ? sequence.length : 0)
    for (const row of step.targetPass.rows) {
      row.sequence.numComputed = Math.max(row.sequence.numComputed, positionOf(row) + 1)
    }
    for (const row of step.draftPasses.flatMap(pass => pass.rows)) {
      row.sequence.numDraftComputed = Math.max(row.sequence.numDraftComputed, positionOf(row) + 1)
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
    if (method !== 'off') {
      // A stop inside the draft hides what would have become of the rest.
      this.acceptance[method].observe(stopped ? numAccepted : numDrafted, numAccepted)
    }
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

  /** Fills step.choices and, for lookup, step.guesses. Fixed requests first; the controller decides the rest. */
  #chooseDrafts(step: Step, decoding: readonly Sequence[], filling: readonly Sequence[]): void {
    const { maxRows, maxSamples } = this.#config
    let free = Math.min(maxRows, maxSamples) - decoding.length - filling.length
    const backlog = filling.reduce((sum, s) => sum + s.length - s.numComputed, 0)
    const prefillRows = Math.min(backlog, maxRows - decoding.length)
    const take = (sequence: Sequence, method: Method, depth: number, guessed?: Guess): void => {
      const allowed = Math.max(0, Math.min(depth, sequence.room, free, MAX_DEPTH))
      if (method === 'draft' && this.#draftLag(sequence) === undefined) return
      const guess =
        method === 'lookup' ? cutGuess(guessed ?? this.#guess(sequence, allowed), allowed) : NO_GUESS
      const found = guess.tokens.length
      // The tokens before last say whether there is something to be found, not how much.
      const actual = method === 'draft' || (step.isAhead && found > 0) ? allowed : found
      if (actual === 0) return
      if (method === 'lookup' && step.isAhead) step.lookups.push({ sequence, depth: actual })
      else if (method === 'lookup') step.guesses.push({ sequence, ...guess })
      step.choices.set(sequence, { method, depth: actual })
      free -= actual
    }
    const automatic: Sequence[] = []
    for (const sequence of decoding) {
      const wish = sequence.request.speculation
      if (wish === 'auto') automatic.push(sequence)
      else if (wish !== 'off') take(sequence, wish.method, wish.depth)
    }
    if (automatic.length === 0) return

    const guesses = new Map(automatic.map(s => [s, this.#guess(s, Math.min(MAX_DEPTH, s.room))] as const))
    const survival = { draft: this.acceptance.draft.survival(), lookup: this.acceptance.lookup.survival() }
    const fixed = [...step.choices.values()]
    const choice = this.#decide({
      contenders: automatic.map(sequence => this.#contender(sequence, guesses.get(sequence)!.tokens.length)),
      baseTokens: fixed.reduce(
        (sum, c) => sum + expectedAccepted(c, survival),
        decoding.length - automatic.length,
      ),
      baseRows: fixed.reduce((sum, c) => sum + c.depth, decoding.length) + prefillRows,
      freeRows: free,
      cost: this.cost,
      survival,
    })
    for (const method of ['draft', 'lookup'] as const) {
      if (choice.method !== method) this.acceptance[method].skip()
    }
    if (choice.method === 'off') return
    for (const sequence of automatic) take(sequence, choice.method, choice.depth, guesses.get(sequence))
  }

  #contender(sequence: Sequence, numGuessed: number): Contender {
    const draftLag = this.#draftLag(sequence)
    const canDraft = this.#config.hasDraft && draftLag !== undefined
    const draft = canDraft ? Math.max(0, Math.min(MAX_DEPTH, sequence.room)) : 0
    const horizon = Math.max(1, Math.min(CATCH_UP_STEPS, sequence.room))
    return { available: { draft, lookup: numGuessed }, draftLag: draftLag ?? 0, horizon }
  }

  /** Tokens that the draft model has not seen; undefined where only the step in flight will tell. */
  #draftLag(sequence: Sequence): number | undefined {
    const lag = sequence.length - sequence.numDraftComputed
    if (!this.#current) return lag
    const { method, depth } = this.#current.choices.get(sequence) ?? OFF
    if (depth === 0) return lag + 1
    // If all of its draft is accepted, the last token of it is new to the draft model as well.
    return method === 'draft' ? 2 : undefined
  }

  #guess(sequence: Sequence, depth: number): Guess {
    if (depth <= 0) return NO_GUESS
    return this.#config.guess?.(sequence, depth) ?? { tokens: lookup(sequence.tokens, depth) }
  }

  /** The controller's choice; now and then another one, so that costs and acceptance stay measured. */
  #decide(situation: Situation): Choice {
    const ordered = this.#config.choose?.(situation)
    if (ordered) return ordered
    const best = chooseSpeculation(situation)
    if (++this.#numDecisions % PROBE_EVERY !== 0) return best
    const probes = probesAround(best)
    const probe = probes[(this.#numDecisions / PROBE_EVERY) % probes.length]!
    const possible = situation.contenders.some(c => probe.method !== 'off' && c.available[probe.method] > 0)
    return probe.method === 'off' || !possible || goodput(situation, probe) === 0 ? OFF : probe
  }

  /**
   * The draft model's passes: first what it has not seen yet, ending with its first token; then one row per
   * sequence and token. A sequence whose backlog does not fit catches up now and drafts later.
   */
  #addDraftPasses(step: Step): void {
    const drafting = [...step.choices]
      .filter(([, choice]) => choice.method === 'draft')
      .map(([sequence]) => sequence)
    if (drafting.length === 0) return
    const first = emptyPass()
    let room = this.#config.maxRows
    for (const sequence of drafting) {
      const lag = this.#draftLag(sequence)!
      const count = Math.min(lag, room)
      const begin = this.#begin(step, sequence) - lag
      room -= count
      for (let i = 0; i < count; i++) first.rows.push({ sequence, position: begin + i })
      if (count < lag) step.choices.delete(sequence)
      else first.samples.push({ row: first.rows.length - 1, sequence, position: begin + lag })
    }
    step.draftPasses.push(first)
    for (let i = 1; i < MAX_DEPTH; i++) {
      const pass = emptyPass()
      for (const sequence of drafting) {
        if ((step.choices.get(sequence)?.depth ?? 0) <= i) continue
        const position = this.#begin(step, sequence) + i
        pass.rows.push({ sequence, position: position - 1 })
        pass.samples.push({ row: pass.rows.length - 1, sequence, position })
      }
      if (pass.rows.length === 0) break
      step.draftPasses.push(pass)
    }
  }

  /** The last token and its draft: depth + 1 rows, each sampled, judged together. */
  #addDecodeRows(step: Step, sequence: Sequence): void {
    const { targetPass, choices, guesses } = step
    const depth = choices.get(sequence)?.depth ?? 0
    const length = this.#begin(step, sequence)
    const firstSample = targetPass.samples.length
    const parents = guesses.find(guess => guess.sequence === sequence)?.parents
    const rows = parents
      ? treeRows(sequence, parents)
      : Array.from({ length: depth + 1 }, (_, i) => ({ sequence, position: length - 1 + i }))
    for (const row of rows) {
      targetPass.rows.push(row)
      targetPass.samples.push({ row: targetPass.rows.length - 1, sequence, position: row.position + 1 })
    }
    const verdict = { sequence, length, firstSample, depth }
    targetPass.verdicts.push(parents ? { ...verdict, isTree: true } : verdict)
  }

  /** The position of the next token, as the step counts. */
  #begin(step: Step, sequence: Sequence): number {
    return step.isAhead ? 0 : sequence.length
  }

  /** As much of the prompt as still fits; its last row, if it is among them, draws the first token. */
  #addPrefillRows(pass: Pass, sequence: Sequence): void {
    const { maxRows, maxSamples } = this.#config
    const scoreOnly = sequence.request.scoreOnly === true
    let count = Math.min(sequence.length - sequence.numComputed, maxRows - pass.rows.length)
    if (scoreOnly) count = Math.min(count, maxSamples - pass.samples.length)
    for (let i = 0; i < count; i++) {
      const position = sequence.numComputed + i
      pass.rows.push({ sequence, position })
      const last = position === sequence.length - 1
      if (!scoreOnly && !last) continue
      pass.samples.push({ row: pass.rows.length - 1, sequence, position: position + 1 })
      if (scoreOnly) continue
      const firstSample = pass.samples.length - 1
      pass.verdicts.push({ sequence, length: sequence.length, firstSample, depth: 0 })
    }
  }

  /** Pure decode steps teach what target rows cost; what a drafted step took beyond that, its draft passes did. */
  #observeCost(step: Step, stepMs: number): void {
    const { rows, samples } = step.targetPass
    if (rows.length !== samples.length || rows.some(row => row.sequence.request.scoreOnly)) return
    const [first, ...rest] = step.draftPasses
    if (!first) {
      this.cost.target.observe(rows.length, stepMs)
      return
    }
    if (!this.cost.target.measured) return
    // The target pass is part of the step: it cannot have taken longer, whatever the table says.
    if (stepMs < this.cost.target.at(rows.length)) this.cost.target.observe(rows.length, stepMs)
    // A pass cannot cost nothing, however the noise fell.
    const draftMs = Math.max(stepMs - this.cost.target.at(rows.length), stepMs / 100)
    const perPass = first.samples.length
    const average = draftMs / (rest.length + 1)
    const catchesUp = first.rows.length > 2 * perPass
    // A pass over more rows cost no less: after a pause, catching up is all there is to learn from.
    if (!catchesUp || average < this.cost.draft.at(perPass)) this.cost.draft.observe(perPass, average)
    if (catchesUp)
      this.cost.draft.observe(first.rows.length, draftMs - rest.length * this.cost.draft.at(perPass))
  }
}

function expectedAccepted({ method, depth }: Choice, survival: Record<Method, readonly number[]>): number {
  return method === 'off' ? 0 : survival[method].slice(0, depth).reduce((sum, s) => sum + s, 0)
}
