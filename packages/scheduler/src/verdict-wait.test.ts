import { expect, it } from 'vitest'
import { scheduledSequence } from './scheduler-case'
import { VerdictWait } from './verdict-wait'

it('hopes for guesses as often as the tokens that were out left some, by what was found without them', () => {
  const wait = new VerdictWait(() => 3)
  const sequence = scheduledSequence()
  const offer = { method: 'lookup', gains: [0.8, 0.4] } as const
  expect(wait.hope(offer, 2)).toEqual({ ...offer, chance: 1, waitMs: 3 })
  // A match of two tokens is found every fourth time, and behind it there is never anything.
  for (let i = 0; i < 400; i++) {
    wait.look(sequence, i % 4 === 0 ? 2 : 0)
    sequence.tokens.push(i)
  }
  expect(wait.hope(offer, 2).chance).toBeLessThan(0.01)
  expect(wait.hope(offer, 0).chance).toBeCloseTo(1 / 3, 1)
  expect(wait.hope(offer, 1).chance).toBe(1) // not seen yet
})

it('counts a look once, though the step is planned twice', () => {
  const wait = new VerdictWait(() => 3)
  const sequence = scheduledSequence()
  const chance = (): number => wait.hope({ method: 'cache', gains: [0.5] }, 1).chance!
  wait.look(sequence, 1)
  sequence.tokens.push(5)
  wait.look(sequence, 0)
  const once = chance()
  expect(once).toBeLessThan(1)
  wait.look(sequence, 0)
  expect(chance()).toBe(once)
})
