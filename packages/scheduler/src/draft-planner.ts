/** Who drafts in a step, for whom, and how far: as requests wish, or as the policy decides. */

import type { CostModel } from './cost-model'
import { Estimates } from './estimates'
import { cutGuess, NO_GUESS } from './guess'
import { lookup } from './lookup'
import { createPolicy, type PolicyName } from './policies'
import {
  type Choice,
  type Contender,
  MAX_DEPTH,
  METHODS,
  type Method,
  OFF,
  type Offer,
  type Policy,
  type Situation,
} from './policy'
import type { Sequence } from './sequence'
import { ShadowDrafts } from './shadow-drafts'
import type { Guess, Step, Verdict } from './step'
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
  readonly #shadows = new ShadowDrafts(this.estimates)
  readonly #config: DraftPlannerConfig
  /** The policy of requests that name none, and those that were named so far. */
  readonly #policies: Map<PolicyName | undefined, Policy>
  readonly #cost: CostModel

  constructor(config: DraftPlannerConfig, policy: Policy, cost: CostModel) {
    this.#config = config
    this.#policies = new Map([[undefined, policy]])
    this.#cost = cost
  }

  /**
   * Fills `step.choices` and what lookup needs. Requests that wish for a drafter first; policies decide for the rest.
   * `current`: the step in flight, if this one is planned ahead of its verdict.
   */
  plan(step: Step, decoding: readonly Sequence[], prefill: Prefill, current?: Step): void {
    const { maxRows, maxSamples } = this.#config
    const draft = new OneStep(step, Math.min(maxRows, maxSamples) - decoding.length - prefill.numSequences)
    const automatic = new Map<PolicyName | undefined, Sequence[]>()
    for (const sequence of decoding) {
      const { speculation: wish, policy } = sequence.request
      if (wish === 'auto') automatic.set(policy, [...(automatic.get(policy) ?? []), sequence])
      else if (wish !== 'off' && this.#can(sequence, wish.method, current)) {
        const depth = Math.min(wish.depth, this.#verifiable(sequence, wish.method))
        draft.take(sequence, { ...wish, depth }, this.#guess(sequence, wish.method, depth))
      }
    }
    for (const sequences of automatic.values()) {
      const guesses = sequences.map(sequence => this.#guess(sequence, 'lookup', MAX_DEPTH))
      const contenders = sequences.map((sequence, i) =>
        this.#contender(sequence, guesses[i]!.tokens.length, current),
      )
      const situation = this.#situation(draft, contenders, decoding, prefill)
      const choices = this.#policyOf(sequences[0]!).choose(situation)
      for (const [i, sequence] of sequences.entries()) {
        if (choices[i]!.method !== 'off') draft.take(sequence, choices[i]!, guesses[i]!)
        if (choices[i]!.method !== 'lookup' && !guesses[i]!.parents)
          this.#shadows.note(sequence, 'lookup', guesses[i]!.tokens)
      }
      this.estimates.decided(new Map(sequences.map((sequence, i) => [sequence, choices[i]!.method])))
    }
  }

  /** What became of a sequence's draft, once its tokens are in. */
  observe(choice: Choice, { sequence, numDrafted, numAccepted, stopped, margins }: Verdict): void {
    if (choice.method !== 'off') {
      // A stop inside the draft hides what would have become of the rest.
      const depth = stopped ? numAccepted : numDrafted
      this.estimates.observe(sequence, choice.method, depth, numAccepted, margins)
      const policy = sequence.request.speculation === 'auto' ? this.#policyOf(sequence) : undefined
      policy?.observe?.({ method: choice.method, depth }, numAccepted)
    }
    this.#shadows.settle(sequence)
  }

  /** The sequence has ended. */
  forget(sequence: Sequence): void {
    this.estimates.forget(sequence)
    this.#shadows.forget(sequence)
  }

  #policyOf({ request: { policy: name } }: Sequence): Policy {
    let policy = this.#policies.get(name)
    if (!policy) {
      policy = createPolicy(name!)
      this.#policies.set(name, policy)
    }
    return policy
  }

  /** What these contenders face: the choices already made, of those that wished and of other policies, stand. */
  #situation(
    { step, free }: OneStep,
    contenders: readonly Contender[],
    decoding: readonly Sequence[],
    prefill: Prefill,
  ): Situation {
    let baseTokens = decoding.length - contenders.length
    let baseRows = decoding.length
    for (const [sequence, choice] of step.choices) {
      baseTokens += this.#expectedAccepted(sequence, choice)
      baseRows += choice.depth
    }
    return {
      contenders,
      baseTokens,
      baseRows,
      prefillRows: prefill.numRows,
      numDecoding: decoding.length,
      numContext: decoding.reduce((sum, s) => sum + s.length, 0),
      freeRows: free,
      cost: this.#cost,
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
