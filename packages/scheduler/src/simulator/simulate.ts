/**
 * Requests served by the real scheduler and policies on a simulated device: plan, wait as long as the step takes, commit.
 * Time is what devices say. The same input gives the same result.
 */
import { BLOCK_SIZE, blocksFor } from '../block-pool'
import type { CostModel } from '../cost-model'
import { createPolicy, type PolicyName, type PolicyOptions } from '../policies'
import { MAX_DEPTH, type Method, type Policy } from '../policy'
import { Scheduler } from '../scheduler'
import type { Sequence } from '../sequence'
import type { Guess, Pass, Step, Verdict } from '../step'
import type { Arrival } from './arrivals'
import type { Device, StepLoad } from './device'
import { type Metrics, MetricsCollector } from './metrics'
import { Random } from './random'
import type { SimulatedRequest, Workload } from './workload'

export interface Simulation {
  policy: PolicyName | Policy
  policyOptions?: PolicyOptions
  /** In the order of time. */
  arrivals: readonly Arrival[]
  workload: Workload
  device: Device
  seed: number
  maxConcurrent?: number
  contextLength?: number
  /** Rows of one pass at most. */
  maxRows?: number
  /** There is a draft model, whose passes the device times. */
  hasDraft?: boolean
  /** Steps that the timeline tells of, from the first. */
  timelineSteps?: number
}

/** What ran at one step. */
export interface TimelineStep {
  atMs: number
  ms: number
  numRunning: number
  numWaiting: number
  rows: number
  /** Draft tokens verified and accepted. */
  drafted: Partial<Record<Method, number>>
  numAccepted: number
  numTokens: number
}

export interface SimulationResult {
  metrics: Metrics
  timeline: TimelineStep[]
}

export function simulate(simulation: Simulation): SimulationResult {
  return new Simulator(simulation).run()
}

interface Served {
  request: SimulatedRequest
  arrivalMs: number
  firstTokenMs: number
}

/** As many as an engine times at once when it measures. */
const DRAFT_PASSES = 4
/** A token of the answer, and one that it has not. */
const RIGHT = 0
const WRONG = 1
/** As long as a draft may be, by how many are right. */
const GUESSES = Array.from({ length: MAX_DEPTH + 1 }, (_, right) =>
  Array.from({ length: MAX_DEPTH }, (_, i) => (i < right ? RIGHT : WRONG)),
)

class Simulator {
  readonly #simulation: Simulation
  readonly #scheduler: Scheduler
  readonly #served = new Map<Sequence, Served>()
  readonly #metrics = new MetricsCollector()
  readonly #timeline: TimelineStep[] = []
  readonly #random: Random
  #now = 0
  #numArrived = 0

  constructor(simulation: Simulation) {
    const { policy, policyOptions, maxConcurrent = 32, maxRows = 512, contextLength = 8192 } = simulation
    const { hasDraft = false, device, seed } = simulation
    this.#simulation = simulation
    this.#random = new Random(seed)
    this.#scheduler = new Scheduler({
      maxConcurrent,
      maxWaiting: Number.POSITIVE_INFINITY,
      contextLength,
      maxRows,
      maxSamples: maxRows,
      numBlocks: maxConcurrent * blocksFor(contextLength + BLOCK_SIZE),
      numDrafts: hasDraft ? 1 : 0,
      policy: typeof policy === 'string' ? createPolicy(policy, policyOptions) : policy,
      guess: (sequence, depth) => this.#guess(sequence, depth),
    })
    measureCosts(this.#scheduler.cost, { device, random: this.#random, hasDraft, maxRows })
  }

  run(): SimulationResult {
    const scheduler = this.#scheduler
    for (;;) {
      this.#arrive()
      scheduler.admit()
      const step = scheduler.plan()
      if (!step) {
        const next = this.#simulation.arrivals[this.#numArrived]
        if (!next) break
        this.#now = Math.max(this.#now, next.atMs)
        continue
      }
      this.#execute(step)
    }
    return { metrics: this.#metrics.summary(), timeline: this.#timeline }
  }

  #arrive(): void {
    const { arrivals, workload, seed, contextLength = 8192 } = this.#simulation
    for (; this.#numArrived < arrivals.length; this.#numArrived++) {
      const arrival = arrivals[this.#numArrived]!
      if (arrival.atMs > this.#now) return
      const request = workload(arrival, (seed * 1_000_003 + this.#numArrived) >>> 0)
      const promptTokens = Math.min(
        request.promptTokens,
        contextLength - request.outputTokens - MAX_DEPTH - 1,
      )
      // No two prompts begin alike: none is taken for the other's.
      const prompt = new Array<number>(promptTokens).fill(RIGHT)
      prompt[0] = this.#numArrived + 2
      const sequence = this.#scheduler.add({
        prompt,
        // How long the answer will be nobody knows.
        maxTokens: contextLength,
        sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 },
        endIds: [],
        speculation: 'auto',
        ...(request.policy ? { policy: request.policy } : {}),
      })
      this.#served.set(sequence!, { request, arrivalMs: arrival.atMs, firstTokenMs: -1 })
    }
  }

  #execute(step: Step): void {
    const load = loadOf(step)
    const ms = this.#simulation.device(load, this.#random)
    const atMs = this.#now
    this.#now += ms
    const numRunning = this.#scheduler.running.length
    const verdicts = step.targetPass.verdicts.map(({ sequence, depth }) => this.#judge(step, sequence, depth))
    const progress = this.#scheduler.commit(step, verdicts, ms)
    this.#metrics.observeStep(ms, numRunning)
    for (const { sequence } of progress) this.#advance(sequence)
    if (this.#timeline.length >= (this.#simulation.timelineSteps ?? 0)) return
    const drafted: TimelineStep['drafted'] = {}
    for (const { method, depth } of step.choices.values()) {
      if (method !== 'off') drafted[method] = (drafted[method] ?? 0) + depth
    }
    const sum = (count: (verdict: Verdict) => number): number =>
      verdicts.reduce((total, verdict) => total + count(verdict), 0)
    this.#timeline.push({
      atMs,
      ms,
      numRunning,
      numWaiting: this.#scheduler.numWaiting,
      rows: load.rows,
      drafted,
      numAccepted: sum(verdict => verdict.numAccepted),
      numTokens: sum(verdict => verdict.tokens.length),
    })
  }

  #judge(step: Step, sequence: Sequence, depth: number): Verdict {
    const { request } = this.#served.get(sequence)!
    const position = sequence.length - sequence.promptLength
    const method = step.choices.get(sequence)?.method ?? 'off'
    const outcome = method === 'off' ? 0 : Math.max(0, request.outcomes[method]?.(position) ?? 0)
    const left = request.outputTokens - position
    // The answer's last token ends it, whoever guessed it.
    const numAccepted = Math.min(depth, outcome, left)
    const numTokens = Math.min(numAccepted + 1, left)
    if (depth > 0) this.#metrics.observeDraft(depth, numAccepted)
    const tokens = new Array<number>(numTokens).fill(RIGHT)
    return { sequence, tokens, numDrafted: depth, numAccepted, stopped: numTokens === left }
  }

  #advance(sequence: Sequence): void {
    const served = this.#served.get(sequence)!
    if (served.firstTokenMs < 0) served.firstTokenMs = this.#now
    if (!sequence.finishReason) return
    this.#served.delete(sequence)
    this.#metrics.observeRequest({
      arrivalMs: served.arrivalMs,
      firstTokenMs: served.firstTokenMs,
      endMs: this.#now,
      numTokens: sequence.length - sequence.promptLength,
    })
  }

  /** Of lookup: as many right tokens as the workload says, and then wrong ones. */
  #guess(sequence: Sequence, depth: number): Guess {
    const { outcomes, evidence } = this.#served.get(sequence)!.request
    const position = sequence.length - sequence.promptLength
    const right = outcomes.lookup?.(position) ?? -1
    if (right < 0) return { tokens: [] }
    return {
      tokens: GUESSES[Math.min(right, MAX_DEPTH)]!.slice(0, depth),
      evidence: evidence?.(position),
    }
  }
}

/** A step in the device's terms. */
function loadOf({ targetPass, draftPasses, choices }: Step): StepLoad {
  let numContext = 0
  let numSequences = 0
  let last: Sequence | undefined
  for (const { sequence } of targetPass.rows) {
    if (sequence === last) continue
    last = sequence
    numSequences++
    numContext += sequence.length
  }
  return {
    rows: targetPass.rows.length,
    numSequences,
    numContext,
    numDrafted: choices.size,
    draftRows: draftPasses.map(({ rows }: Pass) => rows.length),
  }
}

/** What an engine measures at load, the least of three: every size that one sequence can have, then half an octave apart. */
function measureCosts(
  cost: CostModel,
  options: { device: Device; random: Random; hasDraft: boolean; maxRows: number },
): void {
  const { device, random, hasDraft, maxRows } = options
  const sizes = Array.from({ length: MAX_DEPTH + 1 }, (_, i) => i + 1)
  for (let rows = 24; rows < maxRows * 1.5; rows = Math.ceil(rows * 1.5)) sizes.push(Math.min(rows, maxRows))
  const least = (load: StepLoad): number => Math.min(...[1, 2, 3].map(() => device(load, random)))
  const one = { rows: 1, numSequences: 1, numContext: 0, numDrafted: 0, draftRows: [] }
  for (const rows of sizes) {
    cost.target.measure(rows, least({ ...one, rows, numDrafted: rows > 1 ? 1 : 0 }))
    if (!hasDraft) continue
    // Draft passes beside the smallest of the target: no device runs one without the other.
    const draftRows = new Array<number>(DRAFT_PASSES).fill(rows)
    const ms = least({ ...one, numDrafted: 1, draftRows })
    cost.of('draft').measure(rows, Math.max(ms - cost.target.at(1), ms / 100) / DRAFT_PASSES)
  }
}
