/**
 * Guesses that need the tokens of the step in flight: to use them is to wait for its verdict, which costs time, and only
 * then is it known whether there are any. How likely that is depends on what is found behind the tokens before: it is
 * counted at every step, waited or not, since the tokens come in the end.
 */
import type { Offer } from './policy'
import type { Sequence } from './sequence'

const DECAY = 0.95
/** Before anything was counted. */
const CHANCE = { none: 0.5, some: 1 }

export class VerdictWait {
  readonly #looks = new WeakMap<Sequence, { length: number; found: number }>()
  /** That there will be a guess, by what was found a verdict earlier. */
  readonly #chances = new Map<number, number>()

  /** `ms`: what a step loses that waits. */
  constructor(readonly ms: () => number) {}

  /** What is found for a sequence by the tokens that are known: 0 is nothing, other numbers are kinds of finds. */
  look(sequence: Sequence, found: number): void {
    const before = this.#looks.get(sequence)
    const { length } = sequence
    if (before?.length === length) return
    if (before) {
      const chance = DECAY * this.#chanceAfter(before.found) + (1 - DECAY) * Number(found > 0)
      this.#chances.set(before.found, chance)
    }
    this.#looks.set(sequence, { length, found })
  }

  /** What may be offered once the tokens are there, where `found` is what is found without them. */
  hope(offer: Offer, found: number): Offer {
    return { ...offer, chance: this.#chanceAfter(found), waitMs: this.ms() }
  }

  #chanceAfter(found: number): number {
    return this.#chances.get(found) ?? (found > 0 ? CHANCE.some : CHANCE.none)
  }
}
