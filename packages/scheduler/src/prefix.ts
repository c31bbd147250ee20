/** What identifies the content of a full block: keys and values follow from all tokens up to its end. */
export interface Prefix {
  /** Of the first `end` tokens: 32 bits, chained from block to block. */
  hash: number
  /** At least `end` of them; those before `end` never change. */
  tokens: readonly number[]
  end: number
}

/** The hash of tokens [start, end) behind others whose hash is `before`: MurmurHash3's round and finish. */
export function chainHash(before: number, tokens: readonly number[], start: number, end: number): number {
  let hash = before ^ end
  for (let i = start; i < end; i++) {
    const word = Math.imul(tokens[i]!, 0xcc9e2d51)
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b873593)
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
