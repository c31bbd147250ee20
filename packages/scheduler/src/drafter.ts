/** Who guesses: what every drafter does for the planner. */
import type { DraftNet, Method, Offer } from './policy'
import type { Sequence } from './sequence'
import type { Step } from './step'

export interface Drafter {
  readonly method: Method
  /**
   * What it could do for a sequence in a step, in at most `most` rows, which is 1 or more; undefined: nothing.
   * `current`: the step in flight, if this one is planned ahead of its verdict. More than one if it may wait for that.
   */
  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | Proposal[] | undefined
  /** Of one that drafts on the GPU: its passes for those who chose it, once all have chosen. */
  readonly net?: DraftNet
  addPasses?(step: Step, chosen: readonly Sequence[], current: Step | undefined): void
  /** Takes in a sequence's last `numTokens` tokens, which were committed. */
  learn?(sequence: Sequence, numTokens: number): void
}

export interface Proposal {
  offer: Offer
  /** What there is to go by, if that differs from guess to guess. */
  evidence?: number | undefined
  /** Guesses that cost nothing, so that they can be judged though nobody asks for them. */
  tokens?: readonly number[]
  /** Rows that it may be given: more than it has gains for where only the verdict in flight will tell what there is. */
  most: number
  /** Puts a draft of `depth` rows, at most `most`, into the step. */
  add(step: Step, depth: number): void
}

/** The position of a sequence's next token, as the step counts. */
export const begin = (step: Step, sequence: Sequence): number => (step.isAhead ? 0 : sequence.length)
