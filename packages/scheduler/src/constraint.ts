/** What may follow a sequence's committed tokens where a grammar says so: XGrammar's matcher, seen from here. */
import { cutGuess } from './guess'
import { isOfCpu, type Offer } from './policy'
import type { Sequence } from './sequence'
import type { Guess, Step } from './step'

export interface Constraint {
  /** How many of these tokens may stand there, one behind the other: all before the first that is forbidden. */
  numAllowed(tokens: readonly number[]): number
  /** Tokens of the text that has to come next; none where there is a choice. */
  forced(): readonly number[]
}

/** What a net drafts for it has to be read back before it is verified, and the step waits. */
export const readback = (
  { request: { constraint } }: Sequence,
  readbackMs: () => number,
): Pick<Offer, 'waitMs'> => (constraint ? { waitMs: readbackMs() } : {})

/** Those whose drafts have to be read back. */
export const readBack = ({ choices }: Step): Sequence[] =>
  [...choices].flatMap(([sequence, { method }]) =>
    sequence.request.constraint && method !== 'off' && !isOfCpu(method) ? sequence : [],
  )

/** A chain up to the first token that the sequence's grammar forbids: the target could not draw it. */
export function allowedGuess({ request: { constraint } }: Sequence, guess: Guess): Guess {
  return constraint ? cutGuess(guess, constraint.numAllowed(guess.tokens)) : guess
}
