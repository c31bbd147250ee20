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
export function vocabularyDifference(a: Tokenizer, b: Tokenizer): VocabularyDifference | undefined {
  const size = Math.min(a.vocabSize, b.vocabSize)
  let first: Omit<VocabularyDifference, 'numDifferent'> | undefined
  let numDifferent = 0
  for (let id = 0; id < size; id++) {
    if (isFiller(a, id) || isFiller(b, id)) continue
    const difference = differenceAt(a, b, id)
    if (!difference) continue
    numDifferent++
    first ??= { ...difference, id }
  }
  return first && { ...first, numDifferent }
}

function differenceAt(a: Tokenizer, b: Tokenizer, id: number) {
  const [expected, found] = [a.tokenText(id), b.tokenText(id)]
  if (expected !== found) return { reason: `token ${id} is another text`, expected, found }
  const [bytes, others] = [a.tokenBytes(id), b.tokenBytes(id)]
  if (areEqual(bytes, others)) return undefined
  return {
    reason: `token ${id} stands for other bytes`,
    expected: Array.from(bytes),
    found: Array.from(others),
  }
}

/** What converters call a row that no token has. */
const isFiller = (tokenizer: Tokenizer, id: number): boolean => tokenizer.tokenText(id) === `[PAD${id}]`

const areEqual = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
