import { describe, expect, it } from 'vitest'
import { AnswerLengths } from './answer-lengths'

describe('what is left of an answer', () => {
  it('is as much as there is, while no other has ended', () => {
    const lengths = new AnswerLengths()
    expect([1, 10, 100].map(numTokens => lengths.remaining(numTokens))).toEqual([1, 10, 100])
  })

  it('is what those that were longer had left', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 49; i++) lengths.observe(i % 2 === 0 ? 10 : 50, false)
    expect(lengths.remaining(1)).toBeCloseTo((25 * 9 + 24 * 49 + 1) / 50)
    expect(lengths.remaining(10)).toBeCloseTo((24 * 40 + 10) / 25)
    expect(lengths.remaining(60)).toBe(60)
  })

  it('is more than those that were cut had', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 9; i++) lengths.observe(20, true)
    lengths.observe(100, false)
    // One of eleven ended by itself: what it had left, but for the one that lasts as long again.
    expect(lengths.remaining(5)).toBeCloseTo(5 + (10 / 11) * 90)
  })

  it('follows when answers change', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 200; i++) lengths.observe(i < 100 ? 500 : 8, false)
    expect(lengths.remaining(1)).toBeLessThan(8)
  })
})

describe('the chance that a row of a draft can add a token', () => {
  it('is certain while no answer has ended', () => {
    expect(new AnswerLengths().goesOn(5, 3)).toEqual([1, 1, 1])
  })

  it('falls where answers of this length end', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 49; i++) lengths.observe(i % 2 === 0 ? 10 : 50, false)
    // Two more tokens take an answer of 8 to its tenth, which all have; three more only the longer ones.
    expect(lengths.goesOn(8, 3)).toEqual([1, 25 / 50, 25 / 50])
    expect(lengths.goesOn(20, 3)).toEqual([1, 1, 1])
  })

  it('does not fall where answers are cut', () => {
    const lengths = new AnswerLengths()
    for (let i = 0; i < 48; i++) lengths.observe(10, i % 2 === 0)
    expect(lengths.goesOn(8, 3)).toEqual([1, expect.closeTo(25 / 49), expect.closeTo(25 / 49)])
    // Those that were cut before are no longer among those that may end.
    for (let i = 0; i < 9; i++) lengths.observe(12, false)
    expect(lengths.goesOn(10, 3)).toEqual([1, expect.closeTo(1 / 10), expect.closeTo(1 / 10)])
  })
})
