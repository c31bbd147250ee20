import { expect, it } from 'vitest'
import { Estimates } from './estimates'
import { scheduledSequence } from './scheduler-case'
import type { FinishReason } from './sequence'
import { ShadowDrafts } from './shadow-drafts'

/** Chances of the first three tokens, each given those before it, after 40 answers that end with 7, 8, 99. */
function chancesAfter(finishReason: FinishReason): number[] {
  const estimates = new Estimates()
  const shadows = new ShadowDrafts(estimates)
  for (let i = 0; i < 40; i++) {
    const sequence = scheduledSequence()
    shadows.note(sequence, 'lookup', { tokens: [7, 8, 9, 10] })
    sequence.tokens.push(7, 8, 99)
    sequence.finishReason = finishReason
    shadows.settle(sequence)
  }
  const [first, second, third] = estimates.survival('lookup')
  return [first!, second! / first!, third! / second!]
}

it('a guess that nobody verified is judged by the tokens that came', () => {
  const [first, second, third] = chancesAfter('length')
  expect(first).toBeGreaterThan(0.9)
  expect(second).toBeGreaterThan(0.9)
  expect(third).toBeLessThan(0.3)
})

it('but not by the one that ended the answer', () => {
  const [first, second, third] = chancesAfter('stop')
  expect(first).toBeGreaterThan(0.9)
  expect(second).toBeGreaterThan(0.9)
  expect(third).toBeGreaterThan(0.7)
})
