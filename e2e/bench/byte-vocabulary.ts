/** A byte-level vocabulary as large as real ones: every byte, then words of a few letters by length, with and without a space. */

/** The characters that GPT-2's byte-level vocabularies write bytes with. */
const byteCharacters = Array.from({ length: 324 }, (_, code) => code)
  .filter(code => (code > 0x20 && code < 0x7f) || (code > 0xa0 && code < 0xad) || code > 0xad)
  .map(code => String.fromCharCode(code))

const SPACE = 'Ġ'
const letters = [...'etaoinsr']

export interface ByteVocabulary {
  tokens: string[]
  /** 'left right'. */
  merges: string[]
}

/** With at least the 256 bytes, and as many merges as asked for or as there can be. */
export function byteVocabulary(numTokens: number, numMerges: number): ByteVocabulary {
  let tokens = byteCharacters
  let words = letters
  while (tokens.length < numTokens) {
    const longer = words.flatMap(word => letters.map(letter => word + letter))
    tokens = tokens.concat(
      words.map(word => SPACE + word),
      longer,
    )
    words = longer
  }
  const kept = tokens.slice(0, numTokens)
  return { tokens: kept, merges: mergesOf(kept, numMerges) }
}

/** Every token splits into two that are shorter, anywhere: first all at their first character, then at the second. */
function mergesOf(tokens: readonly string[], numMerges: number): string[] {
  const merges: string[] = []
  const longest = tokens.at(-1)!.length
  for (let at = 1; at <= longest; at++) {
    for (const token of tokens) {
      if (merges.length === numMerges) return merges
      if (at < token.length) merges.push(`${token.slice(0, at)} ${token.slice(at)}`)
    }
  }
  return merges
}
