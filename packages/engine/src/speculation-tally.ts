/** What became of drafts: a histogram of how many tokens of each were accepted; vLLM's counters all follow from it. */
import { MAX_DEPTH } from '@foretoken/scheduler'
import type { SpeculationCounters } from './types'

export class SpeculationTally {
  /** Drafts by accepted tokens. */
  readonly #histogram = new Array<number>(MAX_DEPTH + 1).fill(0)
  #numDraftTokens = 0

  /** A draft of `depth` tokens. */
  observe(depth: number, accepted: number): void {
    this.#histogram[accepted]!++
    this.#numDraftTokens += depth
  }

  snapshot(): SpeculationCounters {
    // Token i + 1 was accepted in every draft of which more than i were.
    const perPosition = this.#histogram.slice(1).map((_, i) => sum(this.#histogram.slice(i + 1)))
    const numDrafts = sum(this.#histogram)
    const numAccepted = sum(perPosition)
    return {
      num_drafts: numDrafts,
      num_draft_tokens: this.#numDraftTokens,
      num_accepted_tokens: numAccepted,
      num_accepted_tokens_per_pos: perPosition,
      acceptance_histogram: [...this.#histogram],
      mean_acceptance_length: numDrafts > 0 ? 1 + numAccepted / numDrafts : 1,
      draft_acceptance_rate: numDrafts > 0 ? numAccepted / this.#numDraftTokens : 0,
    }
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
