/**
 * Prompt lookup (apoorvumang's prompt-lookup-decoding; vLLM's `ngram`): find the longest suffix of the tokens,
 * of maxN down to minN tokens, that stood earlier in them, and guess that the text goes on as it did there.
 * The earliest occurrence wins, as in vLLM.
 */
export const MAX_N = 4

export function lookup(tokens: readonly number[], depth: number, minN = 1, maxN = MAX_N): number[] {
  const { length, next } = longestMatch(tokens, maxN)
  return length < minN ? [] : tokens.slice(next, next + depth)
}

/** How many of the last tokens stood earlier in them, and which token followed there. */
export function longestMatch(tokens: readonly number[], maxN = MAX_N): { length: number; next: number } {
  const end = tokens.length
  const match = { length: 0, next: end }
  for (let start = 0; start < end - 1 && match.length < maxN; start++) {
    // How many tokens up to and including `start` equal the last tokens.
    let length = 0
    while (length < maxN && length <= start && tokens[start - length] === tokens[end - 1 - length]) length++
    if (length > match.length) {
      match.length = length
      match.next = start + 1
    }
  }
  return match
}
