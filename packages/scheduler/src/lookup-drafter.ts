import { allowedGuess } from './constraint'
import type { Drafter, Proposal } from './drafter'
import type { Estimates } from './estimates'
import { cutGuess } from './guess'
import { longestMatch, MAX_N } from './lookup'
import type { Offer } from './policy'
import type { Sequence } from './sequence'
import type { Guess, Step } from './step'
import { VerdictWait } from './verdict-wait'

/**
 * Prompt lookup: on the CPU where the tokens are known there. Behind a draft of its own that is still out, the GPU looks up:
 * inside a repetition there is something to be found again. Elsewhere the tokens are needed to know, and waited for.
 */
export class LookupDrafter implements Drafter {
  readonly method = 'lookup'

  readonly #wait: VerdictWait

  constructor(
    readonly estimates: Estimates,
    /** Another way to guess, for tests; undefined: looks up. */
    readonly guess: ((sequence: Sequence, depth: number) => Guess | undefined) | undefined,
    waitMs: () => number,
  ) {
    this.#wait = new VerdictWait(waitMs)
  }

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    const whole = cutGuess(this.guess?.(sequence, most) ?? lookUp(sequence.tokens, most), most)
    const guess = allowedGuess(sequence, whole)
    const found = guess.tokens.length
    if (!current) this.#wait.end(sequence, found > 0)
    if (found === 0) return undefined
    const isOnGpu = current?.choices.get(sequence)?.method === this.method
    // What is found for the tokens before last is a token late: another kind of guess.
    const evidence = guess.evidence === undefined || !isOnGpu ? guess.evidence : guess.evidence + MAX_N
    const gains = this.estimates.survival(this.method, sequence, evidence).slice(0, found)
    const offer: Offer = { method: this.method, gains }
    return {
      offer: current && !isOnGpu ? this.#wait.discounted(offer) : offer,
      evidence,
      ...(guess.parents ? {} : { tokens: guess.tokens }),
      // The tokens before last say whether there is something to be found, not how much.
      most: current ? most : found,
      add: (step, depth) => {
        if (isOnGpu) step.lookups.push({ sequence, depth })
        else {
          if (current) this.#wait.begin(sequence)
          addGuess(step, sequence, cutGuess(guess, depth))
        }
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
