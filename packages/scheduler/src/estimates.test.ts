import { expect, it } from 'vitest'
import { Estimates } from './estimates'
import { scheduledSequence } from './scheduler-case'

it('a guess behind a step in flight adds to those answers only that outlast it', () => {
  const estimates = new Estimates()
  for (let i = 0; i < 60; i++) {
    const ended = scheduledSequence()
    for (let token = 0; token < 6; token++) ended.tokens.push(token)
    ended.finishReason = 'stop'
    estimates.forget(ended)
  }
  const sequence = scheduledSequence()
  sequence.tokens.push(1)
  // Six tokens, of which one is there and one comes anyway.
  const [known, behind] = [0, 3].map(numInFlight => {
    sequence.numInFlight = numInFlight
    return estimates.survival('lookup', sequence).findIndex(chance => chance < 0.05)
  })
  expect([known, behind]).toEqual([4, 1])
})
