import { describe, expect, it } from 'vitest'
import { Figures } from './figures.ts'

const speculation = {
  num_drafts: 1,
  num_draft_tokens: 4,
  num_accepted_tokens: 3,
  num_accepted_tokens_per_pos: [1, 1, 1, 0],
  acceptance_histogram: [0, 0, 0, 1, 0],
  mean_acceptance_length: 4,
  draft_acceptance_rate: 0.75,
}

const step = { id: 1, index: 0, timings: { stepMs: 1, cpuMs: 0 } }

describe('Figures', () => {
  it('counts steps, tokens and guesses', () => {
    const figures = new Figures(0)
    figures.add(
      { ...step, tokens: [1], text: 'a', sources: ['target'], speculation: { method: 'off', depth: 0 } },
      100,
    )
    figures.add(
      {
        ...step,
        tokens: [2, 3, 4],
        text: 'bcd',
        sources: ['draft', 'draft', 'target'],
        speculation: { method: 'draft', depth: 4 },
      },
      200,
    )
    expect(figures.numSteps).toBe(2)
    expect(figures.tokensPerStep).toBe(2)
    expect(figures.tokensPerSecond).toBe(30)
    expect(figures.acceptance).toBe(0.5)
    expect(figures.firstTokenMs).toBe(100)
    expect(figures.stepsByMethod).toMatchObject({ off: 1, draft: 1, lookup: 0 })
  })

  it('takes the usage of the last batch, which is no step if it holds no token', () => {
    const figures = new Figures(0)
    figures.add(
      {
        ...step,
        tokens: [],
        text: '',
        sources: [],
        speculation: { method: 'off', depth: 0 },
        finishReason: 'stop',
        usage: {
          promptTokens: 1,
          cachedTokens: 0,
          completionTokens: 3,
          acceptedTokens: 3,
          rejectedTokens: 1,
          speculation,
        },
      },
      5,
    )
    expect(figures.numSteps).toBe(0)
    expect(figures.acceptance).toBe(0.75)
    expect(figures.tokensPerSecond).toBeUndefined()
  })
})
