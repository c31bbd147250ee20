import { describe, expect, it } from 'vitest'
import { AnswerLengths } from './answer-lengths'

describe('what is left of an answer', () => {
  it('is as much as there is, while no other has ended', () => {
    const lengths = new AnswerLengths()
    expect([1, 10, 100].map(numTokens => lengths.remaining(numTokens))).toEqual([1, 10, 100])
  })

  it('is what those that were longer had left', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 49; i++) lengths.observe(i % 2 === 0 ? 10 : 50)
    expect(lengths.remaining(1)).toBeCloseTo((25 * 9 + 24 * 49 + 1) / 50)
    expect(lengths.remaining(10)).toBeCloseTo((24 * 40 + 10) / 25)
    expect(lengths.remaining(60)).toBe(60)
  })

  it('follows when answers change', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 200; i++) lengths.observe(i < 100 ? 500 : 8)
    expect(lengths.remaining(1)).toBeLessThan(8)
  })
})

describe('the chance that a row of a draft can add a token', () => {
  it('is certain while no answer has ended', () => {
    expect(new AnswerLengths().goesOn(5, 3)).toEqual([1, 1, 1])
  })

  it('falls where answers of this length end', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 49; i++) lengths.observe(i % 2 === 0 ? 10 : 50)
    // Two more tokens take an answer of 8 to its tenth, which all have; three more only the longer ones.
    expect(lengths.goesOn(8, 3)).toEqual([1, 25 / 50, 25 / 50])
    expect(lengths.goesOn(20, 3)).toEqual([1, 1, 1])
  })
})
