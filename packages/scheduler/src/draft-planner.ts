/** Who drafts in a step, for whom, and how far: as requests wish, or as the policy decides. */

import type { CostModel } from './cost-model'
import { Estimates } from './estimates'
import { cutGuess, NO_GUESS } from './guess'
import { lookup } from './lookup'
import {
  type Choice,
  type Contender,
  MAX_DEPTH,
  METHODS,
  type Method,
  OFF,
  type Offer,
  type Policy,
} from './policy'
import type { Sequence } from './sequence'
import type { Guess, Step } from './step'
import { verifiableDepth } from './verification'

export interface DraftPlannerConfig {
  /** Rows and samples that fit into one pass. */
  maxRows: number
  maxSamples: number
  hasDraft: boolean
  /** Draft tokens of a sequence whose probabilities the GPU keeps; default none. */
  verificationDepth?: number
  /** Up to `depth` guesses for a sequence; prompt lookup unless a test puts another drafter in its place. */
  guess?: (sequence: Sequence, depth: number) => Guess | undefined
}

/** What of prompts is in the step beside the sequences that decode. */
export interface Prefill {
  numSequences: number
  numRows: number
}

export const NO_PREFILL: Prefill = { numSequences: 0, numRows: 0 }

/** The draft model's catch-up is spread over so many steps at most. */
const CATCH_UP_STEPS = 16

export class DraftPlanner {
  readonly estimates = new Estimates()
  readonly #config: DraftPlannerConfig
  readonly #policy: Policy
  readonly #cost: CostModel

  constructor(config: DraftPlannerConfig, policy: Policy, cost: CostModel) {
    this.#config = config
    this.#policy = policy
    this.#cost = cost
  }

  /**
   * Fills `step.choices` and what lookup needs. Requests that wish for a drafter first; the policy decides for the rest.
   * `current`: the step in flight, if this one is planned ahead of its verdict.
   */
  plan(step: Step, decoding: readonly Sequence[], prefill: Prefill, current?: Step): void {
    const { maxRows, maxSamples } = this.#config
    const draft = new OneStep(step, Math.min(maxRows, maxSamples) - decoding.length - prefill.numSequences)
    const automatic: Sequence[] = []
    for (const sequence of decoding) {
      const wish = sequence.request.speculation
      if (wish === 'auto') automatic.push(sequence)
      else if (wish !== 'off' && this.#can(sequence, wish.method, current)) {
        const depth = Math.min(wish.depth, this.#verifiable(sequence, wish.method))
        draft.take(sequence, { ...wish, depth }, this.#guess(sequence, wish.method, depth))
      }
    }
    if (automatic.length === 0) return
    const fixed = [...step.choices]
    const guesses = automatic.map(sequence => this.#guess(sequence, 'lookup', MAX_DEPTH))
    const choices = this.#policy.choose({
      contenders: automatic.map((sequence, i) =>
        this.#contender(sequence, guesses[i]!.tokens.length, current),
      ),
      baseTokens: fixed.reduce(
        (sum, [sequence, choice]) => sum + this.#expectedAccepted(sequence, choice),
        decoding.length - automatic.length,
      ),
      baseRows: fixed.reduce((sum, [, { depth }]) => sum + depth, decoding.length) + prefill.numRows,
      freeRows: draft.free,
      cost: this.#cost,
    })
    this.estimates.skipAllBut(new Set(choices.map(({ method }) => method)))
    for (const [i, sequence] of automatic.entries()) {
      const choice = choices[i]!
      if (choice.method !== 'off') draft.take(sequence, choice, guesses[i]!)
    }
  }

  /** Tokens that the draft model has not seen; undefined where only the verdict of the step in flight will tell. */
  lag(sequence: Sequence, current: Step | undefined): number | undefined {
    const lag = sequence.length - sequence.numDraftComputed
    if (!current) return lag
    const { method, depth } = current.choices.get(sequence) ?? OFF
    if (depth === 0) return lag + 1
    // If all of its draft is accepted, the last token of it is new to the draft model as well.
    return method === 'draft' ? 2 : undefined
  }

  #can(sequence: Sequence, method: Method, current: Step | undefined): boolean {
    return method !== 'draft' || (this.#config.hasDraft && this.lag(sequence, current) !== undefined)
  }

  #verifiable({ request }: Sequence, method: Method): number {
    return verifiableDepth(request, method, this.#config.verificationDepth ?? 0)
  }

  #contender(sequence: Sequence, numGuessed: number, current: Step | undefined): Contender {
    const room = Math.max(0, Math.min(MAX_DEPTH, sequence.room))
    const lag = this.lag(sequence, current)
    const horizon = Math.max(1, Math.min(CATCH_UP_STEPS, sequence.room))
    const offers = METHODS.filter(method => this.#can(sequence, method, current)).map((method): Offer => {
      const gains = this.estimates.survival(method, sequence)
      return method === 'draft'
        ? {
            method,
            gains: gains.slice(0, Math.min(room, this.#verifiable(sequence, method))),
            drafting: { lag: lag!, horizon },
          }
        : { method, gains: gains.slice(0, Math.min(room, numGuessed)) }
    })
    return { offers }
  }

  #expectedAccepted(sequence: Sequence, { method, depth }: Choice): number {
    if (method === 'off') return 0
    return this.estimates
      .survival(method, sequence)
      .slice(0, depth)
      .reduce((sum, s) => sum + s, 0)
  }

  #guess(sequence: Sequence, method: Method, depth: number): Guess {
    const most = Math.min(depth, sequence.room)
    if (method !== 'lookup' || most <= 0) return NO_GUESS
    return this.#config.guess?.(sequence, most) ?? { tokens: lookup(sequence.tokens, most) }
  }
}

/** Hands out the rows of one step. */
class OneStep {
  constructor(
    readonly step: Step,
    public free: number,
  ) {}

  take(sequence: Sequence, { method, depth }: Choice, guessed: Guess): void {
    const { step } = this
    const allowed = Math.max(0, Math.min(depth, sequence.room, this.free, MAX_DEPTH))
    const guess = method === 'lookup' ? cutGuess(guessed, allowed) : NO_GUESS
    const found = guess.tokens.length
    // The tokens before last say whether there is something to be found, not how much.
    const actual = method === 'draft' || (step.isAhead && found > 0) ? allowed : found
    if (actual === 0) return
    if (method === 'lookup' && step.isAhead) step.lookups.push({ sequence, depth: actual })
    else if (method === 'lookup') step.guesses.push({ sequence, ...guess })
    step.choices.set(sequence, { method, depth: actual })
    this.free -= actual
  }
}
