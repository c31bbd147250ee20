import type { Tokenizer } from './tokenizer'

export interface VocabularyDifference {
  reason: string
  id?: number
  expected?: unknown
  found?: unknown
}

/** Why `b` cannot draft for `a`: a drafted id must mean the same to both. Undefined where it can. */
export function vocabularyDifference(a: Tokenizer, b: Tokenizer): VocabularyDifference | undefined {
  if (a.vocabSize !== b.vocabSize) {
    return { reason: 'the vocabularies differ in size', expected: a.vocabSize, found: b.vocabSize }
  }
  for (let id = 0; id < a.vocabSize; id++) {
    const expected = a.tokenText(id)
    const found = b.tokenText(id)
    if (expected !== found) return { reason: `token ${id} is another text`, id, expected, found }
    if (!areEqual(a.tokenBytes(id), b.tokenBytes(id))) {
      const reason = `token ${id} stands for other bytes`
      return { reason, id, expected: Array.from(a.tokenBytes(id)), found: Array.from(b.tokenBytes(id)) }
    }
  }
  return undefined
}

const areEqual = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
