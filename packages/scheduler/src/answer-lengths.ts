/**
 * How long answers turn out to be. Behind the end of one a guess adds nothing, however right it is, and what is invested in
 * one, as a draft model's reading of its prompt, has to pay within what is left of it; how much that may be at most says
 * little.
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

  /** Chances that an answer of `numTokens` so far gets 2, 3 .. `count` + 1 tokens yet: that a row of a draft can add one. */
  goesOn(numTokens: number, count: number): number[] {
    // Of those that got further, how many ended before row i could add a token; in the last place, those that did not.
    const ends = new Array<number>(count + 1).fill(0)
    let numLonger = 1
    for (const length of this.#recent) {
      if (length <= numTokens) continue
      ends[Math.min(count, length - numTokens - 1)]!++
      numLonger++
    }
    const chances = new Array<number>(count)
    let enough = 1
    for (let i = count - 1; i >= 0; i--) {
      enough += ends[i + 1]!
      chances[i] = enough / numLonger
    }
    return chances
  }
}
