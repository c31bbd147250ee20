/** What may follow a sequence's committed tokens where a grammar says so: XGrammar's matcher, seen from here. */
import { cutGuess } from './guess'
import type { Sequence } from './sequence'
import type { Guess } from './step'

export interface Constraint {
  /** How many of these tokens may stand there, one behind the other: all before the first that is forbidden. */
  numAllowed(tokens: readonly number[]): number
  /** Tokens of the text that has to come next; none where there is a choice. */
  forced(): readonly number[]
}

/** A chain up to the first token that the sequence's grammar forbids: the target could not draw it. */
export function allowedGuess({ request: { constraint } }: Sequence, guess: Guess): Guess {
  return constraint ? cutGuess(guess, constraint.numAllowed(guess.tokens)) : guess
}
