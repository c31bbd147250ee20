/** What a policy decides at every step: for each sequence that may speculate, who drafts for it and how far. */
import type { CostModel } from './cost-model'

export const MAX_DEPTH = 16

/** Who guesses. */
export const METHODS = ['lookup', 'draft'] as const
export type Method = (typeof METHODS)[number]

export interface Choice {
  method: Method | 'off'
  /** Rows that the target verifies beside the sequence's own. */
  depth: number
}

export const OFF: Choice = { method: 'off', depth: 0 }

/** What one drafter could do for a sequence in this step. */
export interface Offer {
  method: Method
  /** Expected tokens that the i-th further row adds, never increasing: of a chain, the survival S(i + 1). */
  gains: readonly number[]
  /** Of a draft model, which needs a pass for each row. Absent where guesses cost nothing. */
  drafting?: {
    /** Positions that it has yet to see before it can draft; at least 1. */
    lag: number
    /** Steps over which its catch-up may be spread, 1 or more: it is an investment. */
    horizon: number
  }
}

/** A sequence that may speculate in this step, with at most one offer of each drafter. */
export interface Contender {
  offers: readonly Offer[]
}

export interface Situation {
  contenders: readonly Contender[]
  /** Tokens that the other sequences are expected to commit in this step. */
  baseTokens: number
  /** Rows of the target pass that are there whatever is chosen: one per decoding sequence, and drafts already chosen. */
  baseRows: number
  /** Rows of prompts in the same pass. */
  prefillRows: number
  /** Sequences that decode in this step, contenders and others. */
  numDecoding: number
  /** Positions whose keys and values they read. */
  numContext: number
  /** Draft rows that still fit into the pass. */
  freeRows: number
  cost: CostModel
}

/** Policies may remember; nothing else may move them: the same situations give the same choices. */
export interface Policy {
  /** One choice per contender, no deeper than its offer; all rows together fit into `freeRows`. */
  choose(situation: Situation): Choice[]
  /** What became of a draft that it chose. */
  observe?(choice: Choice, numAccepted: number): void
}

export const offerOf = ({ offers }: Contender, method: Choice['method']): Offer | undefined =>
  offers.find(offer => offer.method === method)
