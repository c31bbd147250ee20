/**
 * How long answers turn out to be. What is invested in one, as a draft model's reading of its prompt, has to pay within
 * what is left of it; how much that may be at most says little.
 */

/** Answers that are remembered. */
const MAX_RECENT = 64

export class AnswerLengths {
  readonly #recent: number[] = []

  /** An answer has ended after so many tokens. */
  observe(numTokens: number): void {
    if (this.#recent.length === MAX_RECENT) this.#recent.shift()
    this.#recent.push(numTokens)
  }

  /**
   * Tokens that an answer of `numTokens` so far is expected to get yet: the mean over those that got further, and one that
   * goes on for as long as it has lasted, which is all that is known before any has ended.
   */
  remaining(numTokens: number): number {
    let sum = numTokens
    let count = 1
    for (const length of this.#recent) {
      if (length <= numTokens) continue
      sum += length - numTokens
      count++
    }
    return sum / count
  }
}
