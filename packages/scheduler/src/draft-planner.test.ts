import { describe, expect, it } from 'vitest'
import { CostModel } from './cost-model'
import { DraftPlanner } from './draft-planner'
import { Estimates } from './estimates'
import { OffPolicy } from './off-policy'
import { scheduledSequence } from './scheduler-case'
import { emptyStep } from './step'

describe('where an answer ends', () => {
  /** S(1) .. of lookups after 40 drafts of four, of which so many tokens were accepted and so many committed. */
  function survivalAfter(numAccepted: number, numTokens: number): number[] {
    const planner = new DraftPlanner({ maxRows: 16, maxSamples: 16 }, new OffPolicy(), new CostModel())
    for (let i = 0; i < 40; i++) {
      const sequence = scheduledSequence()
      const step = emptyStep(false)
      step.choices.set(sequence, { method: 'lookup', depth: 4 })
      const tokens = new Array<number>(numTokens).fill(5)
      planner.observe(step, { sequence, tokens, numDrafted: 4, numAccepted, stopped: true })
    }
    return planner.estimates.survival('lookup')
  }

  it.each([
    ['the end itself', 1, 1],
    ['something else', 0, 1],
  ])('nothing is learnt from a guess that was %s', (_, numAccepted, numTokens) => {
    expect(survivalAfter(numAccepted, numTokens)).toEqual(new Estimates().survival('lookup'))
  })

  it('those before it are judged', () => {
    const [first, second] = survivalAfter(1, 2)
    expect(first).toBeGreaterThan(0.9)
    expect(second! / first!).toBeGreaterThan(0.8)
  })
})
