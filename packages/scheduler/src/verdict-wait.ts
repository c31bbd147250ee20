/**
 * What it costs, and what it is worth, to wait for the verdict of the step in flight with guesses that need its tokens:
 * it is chosen by guesses that follow older tokens, and when the tokens are there, there may be none.
 */
import type { Offer } from './policy'
import type { Sequence } from './sequence'

const DECAY = 0.9

export class VerdictWait {
  readonly #waiting = new WeakSet<Sequence>()
  /** Share of the waits that were worth it. */
  #coverage = 1

  /** `ms`: what a step loses that waits. */
  constructor(readonly ms: () => number) {}

  /** The offer, discounted; choosing it is to wait. */
  discounted(offer: Offer): Offer {
    return { ...offer, gains: offer.gains.map(gain => gain * this.#coverage), waitMs: this.ms() }
  }

  begin(sequence: Sequence): void {
    this.#waiting.add(sequence)
  }

  /** The tokens are there: whether there was a guess. */
  end(sequence: Sequence, found: boolean): void {
    if (!this.#waiting.delete(sequence)) return
    this.#coverage = DECAY * this.#coverage + (1 - DECAY) * Number(found)
  }
}
