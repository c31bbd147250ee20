/**
 * How long answers turn out to be. Behind the end of one a guess adds nothing, however right it is, and what is invested in
 * one, as a draft model's reading of its prompt, has to pay within what is left of it; how much that may be at most says
 * little. An answer that was cut, by its limit or by who asked, says that it was to go on, not that it ended there
 * (Kaplan and Meier, 1958).
 */

/** Answers that are remembered. */
const MAX_RECENT = 64

interface Length {
  numTokens: number
  wasCut: boolean
}

export class AnswerLengths {
  readonly #recent: Length[] = []
  /** The same, the shortest first, and those that were cut behind those of their length that ended. */
  #byLength: readonly Length[] = []

  /** An answer has ended after so many tokens, or was cut there. */
  observe(numTokens: number, wasCut: boolean): void {
    if (this.#recent.length === MAX_RECENT) this.#recent.shift()
    this.#recent.push({ numTokens, wasCut })
    this.#byLength = this.#recent.toSorted(
      (a, b) => a.numTokens - b.numTokens || Number(a.wasCut) - Number(b.wasCut),
    )
  }

  /**
   * Tokens that an answer of `numTokens` so far is expected to get yet, as those that got further did, and one that goes on
   * for as long as it has lasted, which is all that is known before any has ended.
   */
  remaining(numTokens: number): number {
    const longer = this.#longer(numTokens)
    const own = { numTokens: 2 * numTokens, wasCut: false }
    const place = longer.findIndex(length => length.numTokens >= own.numTokens)
    let tokens = 0
    let chance = 1
    let at = numTokens
    for (const [i, length] of longer.toSpliced(place < 0 ? longer.length : place, 0, own).entries()) {
      tokens += chance * (length.numTokens - at)
      at = length.numTokens
      const numLeft = longer.length + 1 - i
      if (!length.wasCut) chance *= (numLeft - 1) / numLeft
    }
    return tokens
  }

  /** Chances that an answer of `numTokens` so far gets 2, 3 .. `count` + 1 tokens yet: that a row of a draft can add one. */
  goesOn(numTokens: number, count: number): number[] {
    const longer = this.#longer(numTokens)
    const chances = new Array<number>(count)
    let chance = 1
    let i = 0
    for (let row = 0; row < count; row++) {
      const last = numTokens + 1 + row
      // Those that ended at `last` could not get more; of the others, and of one that goes on, all could.
      const numLeft = longer.length + 1 - i
      let numEnded = 0
      for (; longer[i]?.numTokens === last; i++) if (!longer[i]!.wasCut) numEnded++
      chance *= 1 - numEnded / numLeft
      chances[row] = chance
    }
    return chances
  }

  #longer(numTokens: number): readonly Length[] {
    const first = this.#byLength.findIndex(length => length.numTokens > numTokens)
    return first < 0 ? [] : this.#byLength.slice(first)
  }
}
