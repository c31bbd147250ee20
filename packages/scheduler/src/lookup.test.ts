import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lookup } from './lookup'

it('continues the longest earlier match', () => {
  // vLLM's test case.
  expect(lookup([1, 2, 3, 4, 2, 3], 4, 2, 3)).toEqual([4, 2, 3])
  expect(lookup([1, 2, 3, 4, 2, 3], 1, 2, 3)).toEqual([4])
  expect(lookup([1, 2, 3], 4)).toEqual([])
  expect(lookup([], 4)).toEqual([])
  expect(lookup([7, 7], 4)).toEqual([7])
  // A longer match beats an earlier one; among equals the earliest wins.
  expect(lookup([5, 9, 1, 5, 2, 1, 5], 1)).toEqual([2])
  expect(lookup([5, 1, 5, 2, 5], 1)).toEqual([1])
})

it('agrees with the definition', () => {
  const byDefinition = (tokens: number[], depth: number): number[] => {
    for (let n = 4; n >= 1; n--) {
      for (let at = 0; at + n < tokens.length; at++) {
        const same = tokens.slice(at, at + n).every((token, i) => token === tokens[tokens.length - n + i])
        if (same) return tokens.slice(at + n, at + n + depth)
      }
    }
    return []
  }
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 16 }),
      (tokens, depth) => {
        expect(lookup(tokens, depth)).toEqual(byDefinition(tokens, depth))
      },
    ),
  )
})
