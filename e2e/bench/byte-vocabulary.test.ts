import { expect, it } from 'vitest'
import { byteVocabulary } from './byte-vocabulary'

it('has as many different tokens as asked for, and merges that make them of others', () => {
  const { tokens, merges } = byteVocabulary(5000, 6000)
  const known = new Set(tokens)
  expect(known.size).toBe(5000)
  expect(new Set(merges).size).toBe(6000)
  for (const merge of merges) {
    const [left, right] = merge.split(' ') as [string, string]
    expect([left, right, left + right].every(token => known.has(token))).toBe(true)
  }
  expect(byteVocabulary(256, 10)).toMatchObject({ merges: [] })
})
