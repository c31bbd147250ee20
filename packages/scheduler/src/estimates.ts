/** What is believed of each drafter, how far its guesses survive, and of answers, how long they will be. */
import { AnswerLengths } from './answer-lengths'
import { DrafterEstimate, type Outcome } from './drafter-estimate'
import { MAX_DEPTH, METHODS, type Method } from './policy'
import type { Sequence } from './sequence'
import { TreeAcceptance } from './tree-acceptance'

export type TreeMethod = Extract<Method, `${string}-tree`>
export type ChainMethod = Exclude<Method, TreeMethod>

export const isTreeMethod = (method: Method): method is TreeMethod => method.endsWith('-tree')

export class Estimates {
  readonly #chains = new Map<Method, DrafterEstimate>()
  readonly #trees = new Map<Method, TreeAcceptance>()
  readonly #lengths = new AnswerLengths()

  constructor() {
    for (const method of METHODS) {
      if (isTreeMethod(method)) this.#trees.set(method, new TreeAcceptance())
      else this.#chains.set(method, new DrafterEstimate())
    }
  }

  /** S(1) .. S(MAX_DEPTH) of a drafter of chains, for one sequence, whose answer may end before, or for any. */
  survival(method: ChainMethod, sequence?: Sequence, evidence?: number): number[] {
    const survival = this.#chains.get(method)!.survival(sequence, evidence)
    if (!sequence) return survival
    const { length, promptLength, numInFlight } = sequence
    const goesOn = this.#lengths.goesOn(length - promptLength, numInFlight + survival.length)
    // A step in flight comes first; a guess behind it is of use where all that it drafted held.
    return survival.map((chance, i) => chance * goesOn[numInFlight + i]!)
  }

  /** Chance that a child of an accepted node is accepted, by its depth and its rank among its siblings. */
  chance(method: TreeMethod): (depth: number, rank: number) => number {
    const acceptance = this.#trees.get(method)!
    return (depth, rank) => acceptance.chance(depth, rank)
  }

  /** Of a tree the chance of the best child at each depth, if its parent was accepted; of a chain the survival. */
  firsts(method: Method): number[] {
    if (!isTreeMethod(method)) return this.survival(method)
    return Array.from({ length: MAX_DEPTH }, (_, i) => this.chance(method)(i + 1, 0))
  }

  /** Steps, 1 or more, that the rest of an answer will take with drafts of these gains. */
  stepsLeft(sequence: Sequence, gains: readonly number[]): number {
    const { length, promptLength, maxLength } = sequence
    const tokens = Math.min(maxLength - length, this.#lengths.remaining(length - promptLength))
    return Math.max(1, tokens / (1 + gains.reduce((sum, gain) => sum + gain, 0)))
  }

  /** What became of a draft. */
  observe(sequence: Sequence, method: ChainMethod, outcome: Outcome): void {
    this.#chains.get(method)!.observe(sequence, outcome)
  }

  /** A tree of which the nodes on `path`, the root first, were accepted. */
  observeTree(
    method: TreeMethod,
    parents: readonly number[],
    path: readonly number[],
    stopped: boolean,
  ): void {
    this.#trees.get(method)!.observe(parents, path, stopped)
  }

  /** A decision: who drafts for each sequence. */
  decided(choices: ReadonlyMap<Sequence, Method | 'off'>): void {
    const used = new Set(choices.values())
    for (const [method, drafter] of this.#chains) {
      for (const [sequence, chosen] of choices) if (chosen !== method) drafter.skip(sequence)
      if (!used.has(method)) drafter.skipAll()
    }
    for (const [method, acceptance] of this.#trees) if (!used.has(method)) acceptance.skip()
  }

  /** Requests of which something is remembered. */
  get numRequests(): number {
    return Math.max(...[...this.#chains.values()].map(drafter => drafter.numRequests))
  }

  /** A sequence that has left, ended or not. */
  forget(sequence: Sequence): void {
    const { request, finishReason, length, promptLength } = sequence
    if (!request.scoreOnly) this.#lengths.observe(length - promptLength, finishReason !== 'stop')
    for (const drafter of this.#chains.values()) drafter.forget(sequence)
  }
}
