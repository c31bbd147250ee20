import { allowedGuess } from './constraint'
import type { Drafter, Proposal } from './drafter'
import type { Estimates } from './estimates'
import { cutGuess } from './guess'
import { longestMatch, MAX_N } from './lookup'
import type { Sequence } from './sequence'
import type { Guess, Step } from './step'
import { VerdictWait } from './verdict-wait'

/**
 * Prompt lookup: on the CPU where the tokens are known there. While some are out they can be waited for. Or, behind a draft
 * of its own that is out, the GPU looks up: inside a repetition there is something to be found again.
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

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal[] {
    const whole = cutGuess(this.guess?.(sequence, most) ?? lookUp(sequence.tokens, most), most)
    const guess = allowedGuess(sequence, whole)
    const numFound = guess.tokens.length
    const matched = numFound > 0 ? (guess.evidence ?? 1) : 0
    this.#wait.look(sequence, matched)
    if (!current) return numFound > 0 ? [this.#byCpu(sequence, guess, numFound)] : []
    // Behind a token that stood nowhere before, a match has no other token to go by.
    const hoped = numFound > 0 ? guess : { tokens: [], evidence: 1 }
    const proposal = this.#byCpu(sequence, hoped, most)
    const waiting = { ...proposal, offer: this.#wait.hope(proposal.offer, matched) }
    const isBehindOwn = numFound > 0 && current.choices.get(sequence)?.method === this.method
    return isBehindOwn ? [this.#byGpu(sequence, guess, most), waiting] : [waiting]
  }

  #byCpu(sequence: Sequence, guess: Guess, most: number): Proposal {
    const { tokens, evidence, parents } = guess
    const gains = this.estimates.survival(this.method, sequence, evidence).slice(0, tokens.length || most)
    return {
      offer: { method: this.method, gains },
      evidence,
      ...(parents ? {} : { tokens }),
      most,
      add: (step, depth) => addGuess(step, sequence, cutGuess(guess, depth)),
    }
  }

  /** The tokens before last say whether there is something to be found, not how much. */
  #byGpu(sequence: Sequence, { tokens, evidence: matched }: Guess, most: number): Proposal {
    // What is found for them is a step late: another kind of guess.
    const evidence = matched === undefined ? matched : matched + MAX_N
    const gains = this.estimates.survival(this.method, sequence, evidence).slice(0, tokens.length)
    const add = (step: Step, depth: number): void => void step.lookups.push({ sequence, depth })
    return { offer: { method: this.method, gains }, evidence, most, add }
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
