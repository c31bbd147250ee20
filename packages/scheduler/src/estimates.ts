/** What is believed of each drafter: how far its guesses survive. */
import { Acceptance } from './acceptance'
import { MAX_DEPTH, METHODS, type Method } from './policy'
import type { Sequence } from './sequence'

export class Estimates {
  readonly #acceptance = new Map(METHODS.map(method => [method, new Acceptance(MAX_DEPTH)]))

  /** S(1) .. S(MAX_DEPTH) of a drafter, for one sequence or for any. */
  survival(method: Method, _sequence?: Sequence): number[] {
    return this.#acceptance.get(method)!.survival()
  }

  /** A draft of `depth` tokens of which the first `accepted` were accepted. */
  observe(_sequence: Sequence, method: Method, depth: number, accepted: number): void {
    this.#acceptance.get(method)!.observe(depth, accepted)
  }

  /** A decision that used none but these drafters. */
  skipAllBut(methods: ReadonlySet<Method | 'off'>): void {
    for (const [method, acceptance] of this.#acceptance) if (!methods.has(method)) acceptance.skip()
  }
}
