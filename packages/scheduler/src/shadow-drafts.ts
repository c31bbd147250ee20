/**
 * What a drafter that costs nothing would have had accepted, had it been asked: its guess is kept until the tokens that
 * come show how far it held. So off and unasked drafters are judged without a row being spent on them.
 */
import { type ChainMethod, type Estimates, isTreeMethod } from './estimates'
import { cutGuess } from './guess'
import type { Method } from './policy'
import type { Sequence } from './sequence'
import type { Guess } from './step'

/** Guesses that are followed up. */
const MAX_TOKENS = 8

interface Shadow extends Guess {
  method: ChainMethod
  start: number
}

export class ShadowDrafts {
  readonly #shadows = new Map<Sequence, Shadow>()

  constructor(readonly estimates: Estimates) {}

  /** A guess of what follows the sequence's last token, that no row verifies. One at a time for each sequence. */
  note(sequence: Sequence, method: Method, guess: Guess): void {
    if (isTreeMethod(method) || guess.tokens.length === 0 || this.#shadows.has(sequence)) return
    this.#shadows.set(sequence, { method, start: sequence.length, ...cutGuess(guess, MAX_TOKENS) })
  }

  /** The sequence has grown. */
  settle(sequence: Sequence): void {
    const shadow = this.#shadows.get(sequence)
    if (!shadow) return
    const { method, start, tokens, evidence } = shadow
    // The token that ends an answer says nothing of guesses: how long answers are is counted by itself.
    const numKnown = sequence.length - start - Number(sequence.finishReason === 'stop')
    const depth = Math.min(tokens.length, numKnown)
    let held = 0
    while (held < depth && tokens[held] === sequence.tokens[start + held]) held++
    if (held === numKnown && held < tokens.length && !sequence.finishReason) return
    this.#shadows.delete(sequence)
    this.estimates.observe(sequence, method, { depth, accepted: held, evidence })
  }

  forget(sequence: Sequence): void {
    this.#shadows.delete(sequence)
  }
}
