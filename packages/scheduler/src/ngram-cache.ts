/**
 * Which tokens followed which n-grams: llama.cpp's lookup cache. Bounded: the n-grams that were longest not seen go
 * first.
 */

/** By n - 1: how often, and in what share of the cases, the likeliest token must have followed (llama.cpp). */
export interface Thresholds {
  minSamples: readonly number[]
  minPercent: readonly number[]
}

/** For what this text has shown, and for what others have. */
export const LAX: Thresholds = { minSamples: [2, 2, 1, 1], minPercent: [66, 50, 50, 50] }
export const STRICT: Thresholds = { minSamples: [4, 3, 2, 2], minPercent: [75, 66, 66, 66] }

export const MAX_N = 4
const MAX_NGRAMS = 32_768
/** Of one n-gram. */
const MAX_CONTINUATIONS = 8

/** As it is stored. */
export type NgramEntries = Array<[ngram: string, counts: Array<[token: number, count: number]>]>

export class NgramCache {
  /** Ids joined by commas; the one seen last stands last. */
  readonly #counts = new Map<string, Map<number, number>>()
  #numLearned = 0

  constructor(readonly maxNgrams = MAX_NGRAMS) {}

  get size(): number {
    return this.#counts.size
  }

  /** Tokens taken in so far: whether there is something new to be stored. */
  get numLearned(): number {
    return this.#numLearned
  }

  /** Takes in the last `numTokens` of `tokens`, each behind the n-grams before it. */
  learn(tokens: readonly number[], numTokens: number): void {
    for (let at = Math.max(1, tokens.length - numTokens); at < tokens.length; at++) {
      for (let n = 1; n <= Math.min(MAX_N, at); n++) {
        this.#add(tokens.slice(at - n, at).join(), tokens[at]!)
      }
      this.#numLearned++
    }
  }

  /** The token that followed the longest n-gram which meets its threshold; undefined: there is none. */
  next(tokens: readonly number[], { minSamples, minPercent }: Thresholds): number | undefined {
    for (let n = Math.min(MAX_N, tokens.length); n >= 1; n--) {
      const counts = this.#counts.get(tokens.slice(-n).join())
      if (!counts) continue
      let [best, most, total] = [-1, 0, 0]
      for (const [token, count] of counts) {
        total += count
        if (count > most) [best, most] = [token, count]
      }
      if (total >= minSamples[n - 1]! && 100 * most >= minPercent[n - 1]! * total) return best
    }
    return undefined
  }

  clear(): void {
    this.#counts.clear()
    this.#numLearned = 0
  }

  entries(): NgramEntries {
    return [...this.#counts].map(([ngram, counts]) => [ngram, [...counts]])
  }

  restore(entries: NgramEntries): void {
    for (const [ngram, counts] of entries.slice(-this.maxNgrams)) this.#counts.set(ngram, new Map(counts))
  }

  #add(ngram: string, token: number): void {
    const counts = this.#counts.get(ngram) ?? new Map<number, number>()
    counts.set(token, (counts.get(token) ?? 0) + 1)
    if (counts.size > MAX_CONTINUATIONS) {
      const [rarest] = [...counts].reduce((least, each) => (each[1] < least[1] ? each : least))
      counts.delete(rarest)
    }
    this.#counts.delete(ngram)
    this.#counts.set(ngram, counts)
    if (this.#counts.size > this.maxNgrams) this.#counts.delete(this.#counts.keys().next().value!)
  }
}
