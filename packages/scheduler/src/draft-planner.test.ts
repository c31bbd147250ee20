import { describe, expect, it } from 'vitest'
import { CostModel } from './cost-model'
import { DraftPlanner } from './draft-planner'
import { OffPolicy } from './off-policy'
import { scheduledSequence } from './scheduler-case'
import { emptyStep } from './step'

describe('what a draft says that ended its answer', () => {
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

  it('is nothing of the guesses behind the end, where a guess was the end', () => {
    const [first, second, third] = survivalAfter(1, 1)
    expect(first).toBeGreaterThan(0.9)
    expect(second).toBeGreaterThan(0.8)
    expect(third).toBeGreaterThan(0.7)
  })

  it('is that the next guess was wrong, where the target put the end in its place', () => {
    const [first, second] = survivalAfter(1, 2)
    expect(first).toBeGreaterThan(0.8)
    expect(second).toBeLessThan(0.2)
  })
})
