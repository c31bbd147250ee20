import type { Tokenizer } from './tokenizer'

/** The first id that means something else. */
export interface VocabularyDifference {
  reason: string
  id: number
  expected: unknown
  found: unknown
  /** Ids that do, of those that both have. */
  numDifferent: number
}

/**
 * Whether an id means the same to both wherever both have a token: undefined where it does. Rows that fill up an embedding
 * stand for nothing, and one of both may have tokens that the other lacks: those it will not guess, or not be right.
 */
export const vocabularyDifference = (a: Tokenizer, b: Tokenizer): VocabularyDifference | undefined =>
  compareIds(a, b).difference

/** The same, and the ids that are one token of text to both. */
export function compareIds(
  a: Tokenizer,
  b: Tokenizer,
): { difference: VocabularyDifference | undefined; numAlike: number } {
  let first: Omit<VocabularyDifference, 'numDifferent'> | undefined
  let numDifferent = 0
  let numAlike = 0
  for (let id = 0; id < Math.min(a.vocabSize, b.vocabSize); id++) {
    const [expected, found] = [a.tokenText(id), b.tokenText(id)]
    if (isFiller(expected, id) || isFiller(found, id)) continue
    const [bytes, others] = [a.tokenBytes(id), b.tokenBytes(id)]
    if (expected === found && areEqual(bytes, others)) {
      if (bytes.length > 0) numAlike++
      continue
    }
    numDifferent++
    first ??=
      expected === found
        ? { id, reason: `token ${id} stands for other bytes`, expected: [...bytes], found: [...others] }
        : { id, reason: `token ${id} is another text`, expected, found }
  }
  return { difference: first && { ...first, numDifferent }, numAlike }
}

/** What converters call a row that no token has. */
const isFiller = (text: string, id: number): boolean => text.startsWith('[PAD') && text === `[PAD${id}]`

const areEqual = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
