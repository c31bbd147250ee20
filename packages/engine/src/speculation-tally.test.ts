import { expect, it } from 'vitest'
import { SpeculationTally } from './speculation-tally'

it('counts as vLLM does', () => {
  // speculation.md section 9: 43 drafts of 3 tokens.
  const tally = new SpeculationTally()
  const histogram = [39, 1, 0, 3]
  for (const [accepted, drafts] of histogram.entries()) {
    for (let i = 0; i < drafts; i++) tally.observe(3, accepted)
  }
  const counters = tally.snapshot()
  expect(counters.mean_acceptance_length).toBeCloseTo(1.23256, 5)
  expect(counters.draft_acceptance_rate).toBeCloseTo(0.07752, 5)
  expect(counters).toMatchObject({ num_drafts: 43, num_draft_tokens: 129, num_accepted_tokens: 10 })
  expect(counters.acceptance_histogram.slice(0, 5)).toEqual([...histogram, 0])
  expect(counters.num_accepted_tokens_per_pos.slice(0, 4)).toEqual([4, 3, 3, 0])
  expect(counters.num_accepted_tokens_per_pos).toHaveLength(16)
})

it('has figures, not NaN, where nothing was drafted', () => {
  expect(new SpeculationTally().snapshot()).toMatchObject({
    num_drafts: 0,
    mean_acceptance_length: 1,
    draft_acceptance_rate: 0,
  })
})
