import { expect, it } from 'vitest'
import { scheduledSequence } from './scheduler-case'
import { VerdictWait } from './verdict-wait'

it('discounts guesses by how often waiting for their tokens was in vain', () => {
  const wait = new VerdictWait(() => 3)
  const sequence = scheduledSequence()
  const offer = { method: 'cache', gains: [0.8, 0.4] } as const
  expect(wait.discounted(offer)).toEqual({ ...offer, waitMs: 3 })
  wait.end(sequence, false) // nobody waited
  expect(wait.discounted(offer).gains).toEqual([0.8, 0.4])
  for (let i = 0; i < 50; i++) {
    wait.begin(sequence)
    wait.end(sequence, i % 2 === 0)
  }
  expect(wait.discounted(offer).gains[0]! / 0.8).toBeCloseTo(0.5, 1)
})
