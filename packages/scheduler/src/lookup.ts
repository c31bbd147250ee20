/**
 * Prompt lookup (apoorvumang's prompt-lookup-decoding; vLLM's `ngram`): find the longest suffix of the tokens,
 * of maxN down to minN tokens, that stood earlier in them, and guess that the text goes on as it did there.
 * The earliest occurrence wins, as in vLLM.
 */
export function lookup(tokens: readonly number[], depth: number, minN = 1, maxN = 4): number[] {
  const end = tokens.length
  let bestLength = 0
  let bestStart = 0
  for (let start = 0; start < end - 1 && bestLength < maxN; start++) {
    // How many tokens up to and including `start` equal the last tokens.
    let length = 0
    while (length < maxN && length <= start && tokens[start - length] === tokens[end - 1 - length]) length++
    if (length > bestLength) {
      bestLength = length
      bestStart = start + 1
    }
  }
  return bestLength < minN ? [] : tokens.slice(bestStart, bestStart + depth)
}
