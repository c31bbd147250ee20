import { type Merge, MergeQueue } from './merge-queue'

interface RankedMerge extends Merge {
  /** What the two become. */
  id: number
}

const longestCached = 64
const mostCached = 10_000

/**
 * Byte pair encoding by ranked merges, as Hugging Face's tokenizers do it. The package @huggingface/tokenizers differs where two
 * pairs make one token, as in runs of spaces of Gemma's: there a merge that was found for one pair holds for the
 * other. Source: merge_all of tokenizers/src/models/bpe/word.rs.
 */
export class RankedMerges {
  #ids: ReadonlyMap<string, number>
  #size: number
  /** By pair, the rank and the id of what it becomes. */
  #merges = new Map<number, { rank: number; id: number }>()
  #cache = new Map<string, number[]>()

  /** Merges of texts that are no tokens are left out: these could not be merged either. */
  constructor(
    ids: ReadonlyMap<string, number>,
    merges: Iterable<readonly [string, string]>,
    vocabSize: number,
  ) {
    this.#ids = ids
    this.#size = vocabSize
    let rank = 0
    for (const [left, right] of merges) {
      const [leftId, rightId, id] = [ids.get(left), ids.get(right), ids.get(left + right)]
      if (leftId !== undefined && rightId !== undefined && id !== undefined) {
        this.#merges.set(leftId * this.#size + rightId, { rank, id })
      }
      rank++
    }
  }

  /** @param unknown the ids of a character that is no token */
  encode(word: string, unknown: (character: string) => readonly number[]): number[] {
    const cached = this.#cache.get(word)
    if (cached) return cached
    const symbols: number[] = []
    for (const character of word) {
      const id = this.#ids.get(character)
      if (id === undefined) symbols.push(...unknown(character))
      else symbols.push(id)
    }
    const merged = this.#merge(symbols)
    if (word.length > longestCached) return merged
    if (this.#cache.size === mostCached) this.#cache.clear()
    this.#cache.set(word, merged)
    return merged
  }

  /** `symbols` is changed: one that was merged into its left neighbour becomes -1. */
  #merge(symbols: number[]): number[] {
    const { length } = symbols
    const next = Int32Array.from({ length }, (_, i) => i + 1)
    const previous = Int32Array.from({ length }, (_, i) => i - 1)
    const queue = new MergeQueue<RankedMerge>()
    const mergeAt = (left: number) => this.#merges.get(symbols[left]! * this.#size + symbols[next[left]!]!)
    const offer = (left: number) => {
      const merge = left >= 0 && next[left]! < length ? mergeAt(left) : undefined
      if (merge) queue.push({ left, score: -merge.rank, id: merge.id })
    }
    for (let i = 0; i < length; i++) offer(i)
    for (let merge = queue.pop(); merge; merge = queue.pop()) {
      const { left, id } = merge
      const right = next[left]!
      if (symbols[left] === -1 || right >= length || mergeAt(left)?.id !== id) continue
      symbols[left] = id
      symbols[right] = -1
      const after = next[right]!
      next[left] = after
      if (after < length) previous[after] = left
      offer(previous[left]!)
      offer(left)
    }
    return symbols.filter(symbol => symbol !== -1)
  }
}
