/** What is believed of each drafter: how far its guesses survive. */
import { DrafterEstimate } from './drafter-estimate'
import { METHODS, type Method } from './policy'
import type { Sequence } from './sequence'

export class Estimates {
  readonly #drafters = new Map(METHODS.map(method => [method, new DrafterEstimate()]))

  /** S(1) .. S(MAX_DEPTH) of a drafter, for one sequence or for any. */
  survival(method: Method, sequence?: Sequence): number[] {
    return this.#drafters.get(method)!.survival(sequence)
  }

  /** A draft of `depth` tokens of which the first `accepted` were accepted. */
  observe(
    sequence: Sequence,
    method: Method,
    depth: number,
    accepted: number,
    margins?: readonly number[],
  ): void {
    this.#drafters.get(method)!.observe(sequence, depth, accepted, margins)
  }

  /** A decision: who drafts for each sequence. */
  decided(choices: ReadonlyMap<Sequence, Method | 'off'>): void {
    for (const [method, drafter] of this.#drafters) {
      let used = false
      for (const [sequence, chosen] of choices) {
        if (chosen === method) used = true
        else drafter.skip(sequence)
      }
      if (!used) drafter.skipAll()
    }
  }

  /** Requests of which something is remembered. */
  get numRequests(): number {
    return Math.max(...[...this.#drafters.values()].map(drafter => drafter.numRequests))
  }

  /** A sequence that has ended. */
  forget(sequence: Sequence): void {
    for (const drafter of this.#drafters.values()) drafter.forget(sequence)
  }
}
