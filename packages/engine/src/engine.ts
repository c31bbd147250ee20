/**
 * The engine: a model, perhaps its draft, and the requests that share them. One loop runs steps as long as there is
 * work (DESIGN.md section 2): plan, execute, commit, deliver.
 */
import { abortedError, EngineError, throwIfAborted } from '@foretoken/errors'
import {
  adviseDraft,
  DRAFT_MODELS,
  type DraftPass,
  MAX_DEPTH,
  type Progress,
  readBack,
  type Scheduler,
  type Sequence,
  type SequenceRequest,
  type Step,
} from '@foretoken/scheduler'
import { bad, checkCandidates } from './argument'
import { BatchQueue } from './batch-queue'
import type { timeEach } from './command-timer'
import { allowedDrafts, constrained, release, tokenMasks } from './constrained-step'
import { saveCosts } from './cost-store'
import { Counters } from './counters'
import { engineStats } from './engine-stats'
import { Generation } from './generation'
import { type EngineInternals, type LoadedEngine, loadEngine, MAX_WAITING } from './load-engine'
import { checkIds, contextFull, parseRequest, type Request } from './request'
import type { Prepared, StepOutcome, SubmittedStep } from './runner'
import { allocateLogits, Scorings } from './scorings'
import { stepEvent } from './step-event'
import { StepFeed } from './step-feed'
import { TextStream } from './text-stream'
import { tokenLogprobs } from './token-logprobs'
import { type StepTime, Trial } from './trial'
import type {
  DraftAdvice,
  DraftCandidate,
  EngineOptions,
  EngineStats,
  ForwardResult,
  GenerateOptions,
  StepEvent,
  TokenBatch,
} from './types'

/** Steps between two saves of the measured costs. */
const SAVE_EVERY = 200

export class Engine {
  readonly #parts: LoadedEngine
  readonly #scheduler: Scheduler
  readonly #generations = new Map<Sequence, Generation>()
  readonly #scorings: Scorings
  /** Of all requests since the engine was loaded, as long as anything knows of them. */
  readonly #ids = new WeakMap<Sequence, number>()
  #numRequests = 0
  readonly #feed = new StepFeed()
  /** Sequences to be dropped before the next step: never while one is in flight. */
  readonly #leaving = new Set<Sequence>()
  readonly #counters = new Counters()
  readonly #createsAtStart: number
  #active = false
  #loop: Promise<void> | undefined
  #failure: EngineError | undefined

  private constructor(parts: LoadedEngine) {
    this.#parts = parts
    this.#scheduler = parts.scheduler
    this.#scorings = new Scorings(parts.target.config.vocab)
    this.#createsAtStart = parts.gpu.numCreates
    void parts.gpu.failed.then(error => this.#fail(error))
  }

  /**
   * Loads a model and, if given, its draft. Throws `unsupported-device`, `download`, `bad-model`, `out-of-memory`,
   * `bad-request` or `aborted`; nothing stays allocated then.
   */
  static async load(options: EngineOptions, internals: EngineInternals = {}): Promise<Engine> {
    return new Engine(await loadEngine(options, internals))
  }

  /** Batches as they are committed. Leaving the loop, or the signal, ends the request. */
  async *generate(options: GenerateOptions): AsyncGenerator<TokenBatch, void, void> {
    const { signal } = options
    throwIfAborted(signal, 'generate')
    if (this.#failure) throw this.#failure
    const { tokenizer, config } = this.#parts.target
    const request = parseRequest(options, tokenizer, {
      contextLength: this.#parts.sizes.contextLength,
      vocab: config.vocab,
      numDrafts: this.#parts.drafts.length,
      numHeads: this.#parts.runner.numHeads,
      trees: this.#parts.selfCheck.trees,
      ngramCache: this.#parts.ngrams !== undefined,
      verificationDepth: this.#parts.sizes.verificationDepth,
      grammars: this.#parts.grammars !== undefined,
    })
    const sequences = await this.#addRequest(request, signal)
    const queue = new BatchQueue(sequences.length)
    for (const [index, sequence] of sequences.entries()) {
      const text = new TextStream(tokenizer.decoder(), request.stops)
      const place = { id: this.#ids.get(sequence)!, index }
      this.#generations.set(sequence, new Generation(place, sequence, text, queue))
    }
    const leave = (): void => {
      for (const sequence of sequences) this.#leave(sequence)
    }
    const abort = (): void => {
      queue.fail(abortedError('generate'))
      leave()
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      this.#start()
      yield* queue.batches()
    } finally {
      signal?.removeEventListener('abort', abort)
      leave()
    }
  }

  /** What every step did, from the first call of `next` on; nothing is told to nobody. */
  async *steps({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<StepEvent, void, void> {
    if (this.#failure) throw this.#failure
    yield* this.#feed.listen(signal)
  }

  /** Ids of a text, with BOS as the model says. */
  tokenize(text: string): number[] {
    if (typeof text !== 'string') throw bad('text', text, 'a text')
    return this.#parts.target.tokenizer.encode(text)
  }

  /** Logits at all positions. */
  async forward(tokens: readonly number[]): Promise<ForwardResult> {
    if (this.#failure) throw this.#failure
    const { vocab } = this.#parts.target.config
    const { contextLength } = this.#parts.sizes
    checkIds(tokens, vocab)
    if (tokens.length > contextLength) throw contextFull(tokens.length, contextLength)
    if (tokens.length === 0) return { logits: new Float32Array(0), vocab }
    const logits = allocateLogits(tokens.length, vocab)
    const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 }
    const request = { prompt: tokens, maxTokens: 0, sampling, endIds: [] }
    const [sequence] = this.#addAll([{ ...request, speculation: 'off', scoreOnly: true }])
    const scored = this.#scorings.add(sequence!, logits)
    this.#start()
    return { logits: await scored, vocab }
  }

  /**
   * The time of one step that verifies `depth` guesses (at most 31) after `draftPasses` draft passes of one row each, at
   * `context` positions: what TAR / (n * t_draft + t_target) is made of (Yan et al., 2402.01528). With nothing running.
   * The mean of such steps as follow one another for `leastMs`; 0: of a lone one.
   */
  timeStep(depth: number, draftPasses: number, context: number, leastMs?: number): Promise<StepTime> {
    return this.#try({ context, maxRows: Math.max(depth, MAX_DEPTH) + 1 }, trial => {
      const drafting = new Array<DraftPass>(draftPasses).fill(trial.catchUp('draft', 1))
      return trial.timeParts(trial.verify(depth), drafting, leastMs)
    })
  }

  /** Measures the commands of a target pass over `numRows` rows: `timeEach`, `timeProducts`. */
  timeTargetPass<T>(
    numRows: number,
    context: number,
    time: (...pass: Parameters<typeof timeEach>) => Promise<T>,
  ): Promise<T> {
    const { runner } = this.#parts
    return this.#try({ context, maxRows: Math.max(numRows, MAX_DEPTH + 1) }, trial =>
      time(runner, trial.step(trial.verify(numRows - 1)), runner.target.commands),
    )
  }

  /** Runs steps of nobody's sequence, with nothing else running. */
  async #try<T>(
    options: { context: number; maxRows: number },
    measure: (trial: Trial) => Promise<T>,
  ): Promise<T> {
    if (this.#failure) throw this.#failure
    const { running, numWaiting } = this.#scheduler
    // The last step of a request may still be under way, planned ahead for nobody.
    if (running.length === 0 && numWaiting === 0) await this.#loop
    if (this.#active) throw bad('running', this.#scheduler.running.length, '0 requests while a step is timed')
    this.#active = true
    // The trial writes where it likes.
    this.#scheduler.forgetCached()
    try {
      return await measure(new Trial(this.#parts.runner, this.#parts.target.config.vocab, options))
    } finally {
      this.#active = false
      if (this.#scheduler.numWaiting > 0) this.#start()
    }
  }

  /**
   * Which draft model pays on this device, the fastest first: TAR / (n * t_draft + t_target) at the best n of each (Yan et
   * al., 2402.01528). Of those loaded by what has been measured of them, and of `candidates` by what is told of them.
   */
  adviseDraft(candidates: readonly DraftCandidate[] = []): DraftAdvice[] {
    const { cost, estimates } = this.#scheduler
    const loaded = this.#parts.drafts.map(({ name }, i): DraftCandidate => {
      const model = DRAFT_MODELS[i]!
      return { name, stepMs: cost.of(model).at(1), agreement: { survival: estimates.survival(model) } }
    })
    checkCandidates(candidates)
    return adviseDraft(rows => cost.target.at(rows), [...loaded, ...candidates])
  }

  stats(): EngineStats {
    return {
      ...this.#counters.snapshot(),
      ...engineStats(this.#parts, this.#scheduler),
      createsSinceReady: this.#parts.gpu.numCreates - this.#createsAtStart,
    }
  }

  /** Forgets what the n-gram cache has learned, here and in the browser's store. Without a cache there is nothing to do. */
  async clearNgramCache(): Promise<void> {
    await this.#parts.ngrams?.clear()
  }

  /** Ends all requests with `aborted` and frees the GPU. */
  async dispose(): Promise<void> {
    this.#fail(abortedError('dispose'))
    await this.#loop
    await this.#parts.ngrams?.save()
    this.#parts.gpu.destroy()
  }

  /** All samples of a request, with its grammar once that is compiled. */
  async #addRequest({ samples, grammar }: Request, signal: AbortSignal | undefined): Promise<Sequence[]> {
    if (!grammar) return this.#addAll(samples)
    const requests = await this.#parts.grammars!.constrain(samples, grammar)
    try {
      throwIfAborted(signal, 'generate')
      if (this.#failure) throw this.#failure
      return this.#addAll(requests)
    } catch (error) {
      for (const request of requests) release({ request })
      throw error
    }
  }

  /** All of them, or none where the queue has no place for all. */
  #addAll(requests: readonly SequenceRequest[]): Sequence[] {
    const waiting = this.#scheduler.numWaiting
    const limit = MAX_WAITING
    if (waiting + requests.length <= limit) return requests.map(request => this.#add(request))
    const asked = requests.length > 1 ? `, and this one has ${requests.length} samples` : ''
    const message = `${waiting} of at most ${limit} requests are waiting already${asked}.`
    throw new EngineError('overloaded', message, { waiting, limit, asked: requests.length })
  }

  #add(request: SequenceRequest): Sequence {
    const sequence = this.#scheduler.add(request)!
    this.#ids.set(sequence, ++this.#numRequests)
    return sequence
  }

  #leave(sequence: Sequence): void {
    this.#generations.delete(sequence)
    this.#scorings.delete(sequence)
    this.#leaving.add(sequence)
    if (!this.#active) this.#dropLeaving()
    // One that still waits is in no step: its place in the queue is free at once.
    else if (sequence.index < 0) this.#scheduler.remove(sequence)
  }

  #dropLeaving(): void {
    for (const sequence of this.#leaving) {
      this.#scheduler.remove(sequence)
      release(sequence)
    }
    this.#leaving.clear()
  }

  #start(): void {
    if (this.#active) return
    this.#active = true
    this.#loop = this.#run()
  }

  /**
   * The step loop: plan, submit, commit, deliver, until nothing runs. Where the scheduler can plan a step before the
   * verdict of the one in flight is read, the GPU has it already when that one ends.
   */
  async #run(): Promise<void> {
    const { runner, gate } = this.#parts
    const scheduler = this.#scheduler
    let current: SubmittedStep | undefined
    let lastEnd: number | undefined
    try {
      while (!this.#failure) {
        if (!current && (await gate.pass())) lastEnd = undefined
        const begin = performance.now()
        this.#dropLeaving()
        for (const sequence of scheduler.admit()) this.#admit(sequence)
        const ahead = current && !gate.isClosed ? scheduler.planAhead(current.step) : undefined
        const step = current ? ahead : scheduler.plan()
        const next = step && runner.submit(step, await this.#prepare(step))
        if (!current && !next) {
          void this.#parts.ngrams?.save()
          return
        }
        if (current) {
          const waitBegin = performance.now()
          const outcome = await current.outcome
          outcome.verdicts = await constrained(outcome.verdicts)
          const waitEnd = performance.now()
          // Of two steps in flight, each has the time from the end of the one before.
          const stepMs = waitEnd - Math.max(current.submittedAt, lastEnd ?? 0)
          const costMs = lastEnd === undefined ? undefined : waitEnd - lastEnd
          lastEnd = waitEnd
          this.#finish(current.step, outcome, stepMs, waitBegin - begin, costMs)
        }
        current = next
      }
    } catch (error) {
      this.#fail(await this.#parts.gpu.explain(error))
    } finally {
      // In the same turn as the last look at the queue: a request that comes later starts a new loop.
      this.#active = false
      this.#dropLeaving()
    }
  }

  /** What grammars have to say of a step, drafts that they have to know before included. */
  async #prepare(step: Step): Promise<Prepared> {
    if (readBack(step).length === 0) return { masks: await tokenMasks(step, new Map()) }
    const { drafts: whole, ...ran } = await this.#parts.runner.draft(step)
    const drafts = allowedDrafts(whole)
    return { masks: await tokenMasks(step, drafts), drafted: { ...ran, drafts } }
  }

  #admit(sequence: Sequence): void {
    this.#parts.runner.admit(sequence)
    this.#scorings.restart(sequence)
  }

  /** Takes in what a step gave. `costMs`: from the end of the one before, if that came just before. */
  #finish(step: Step, outcome: StepOutcome, stepMs: number, planMs: number, costMs?: number): void {
    const begin = performance.now()
    const progress = this.#scheduler.commit(step, outcome.verdicts, costMs)
    const timings = { stepMs, cpuMs: planMs + performance.now() - begin }
    this.#counters.observe(progress, outcome, timings)
    if (this.#feed.isHeard) this.#tell(step, progress, stepMs)
    this.#deliver(progress, timings, outcome.logProbs)
    if (outcome.logits) {
      const scored = this.#scorings.deliver(step.targetPass.samples, outcome.logits)
      for (const sequence of scored) this.#leave(sequence)
    }
    if (this.#counters.numSteps % SAVE_EVERY === 0) this.#saveCosts()
  }

  #tell(step: Step, progress: readonly Progress[], stepMs: number): void {
    const { cost, running, numWaiting } = this.#scheduler
    const took = { stepMs, targetMs: cost.target.at(step.targetPass.rows.length) }
    this.#feed.push({
      step: this.#counters.numSteps,
      ...stepEvent(step, progress, took, sequence => this.#ids.get(sequence)!),
      num_running: running.length,
      num_waiting: numWaiting,
    })
  }

  #deliver(
    progress: readonly Progress[],
    timings: TokenBatch['timings'],
    logProbs: StepOutcome['logProbs'],
  ): void {
    const { tokenizer } = this.#parts.target
    for (const gain of progress) {
      const generation = this.#generations.get(gain.sequence)
      const logprobs = logProbs.get(gain.sequence)?.map(token => tokenLogprobs(token, tokenizer))
      if (generation?.advance(gain, timings, logprobs)) this.#leave(gain.sequence)
    }
  }

  /** Ends everything that is under way. */
  #fail(error: EngineError): void {
    this.#failure ??= error
    this.#feed.fail(error)
    for (const [sequence, { queue }] of this.#generations) {
      const details = { ...error.details, tokensKept: queue.numTokens }
      queue.fail(new EngineError(error.code, error.message, details))
      this.#leave(sequence)
    }
    for (const sequence of this.#scorings.fail(error)) this.#leave(sequence)
  }

  #saveCosts(): void {
    void saveCosts(this.#parts.costKey, this.#scheduler.cost)
    void this.#parts.ngrams?.save()
  }
}
