import type { Drafter, Proposal } from './drafter'
import type { Estimates } from './estimates'
import { cutGuess } from './guess'
import { longestMatch, MAX_N } from './lookup'
import type { Sequence } from './sequence'
import type { Guess, Step } from './step'

/** Prompt lookup: on the CPU where the tokens are known there, else on the GPU. */
export class LookupDrafter implements Drafter {
  readonly method = 'lookup'

  constructor(
    readonly estimates: Estimates,
    /** Another way to guess, for tests; undefined: looks up. */
    readonly guess: ((sequence: Sequence, depth: number) => Guess | undefined) | undefined,
  ) {}

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    const guess = cutGuess(this.guess?.(sequence, most) ?? lookUp(sequence.tokens, most), most)
    const found = guess.tokens.length
    if (found === 0) return undefined
    // What is found for the tokens before last is a token late: another kind of guess.
    const evidence = guess.evidence === undefined || !current ? guess.evidence : guess.evidence + MAX_N
    const gains = this.estimates.survival(this.method, sequence, evidence).slice(0, found)
    return {
      offer: { method: this.method, gains },
      evidence,
      ...(guess.parents ? {} : { tokens: guess.tokens }),
      // The tokens before last say whether there is something to be found, not how much.
      most: current ? most : found,
      add: (step, depth) => {
        if (step.isAhead) step.lookups.push({ sequence, depth })
        else addGuess(step, sequence, cutGuess(guess, depth))
      },
    }
  }
}

/** The longer the match, the surer the guess. */
function lookUp(tokens: readonly number[], depth: number): Guess {
  const { length, next } = longestMatch(tokens)
  return { tokens: tokens.slice(next, next + depth), evidence: length }
}

export function addGuess(step: Step, sequence: Sequence, { tokens, parents }: Guess): void {
  step.guesses.push({ sequence, tokens })
  if (parents) step.trees.set(sequence, parents)
}
