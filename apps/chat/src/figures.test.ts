import { describe, expect, it } from 'vitest'
import { Figures } from './figures.ts'

const timings = { stepMs: 1, cpuMs: 0 }

describe('Figures', () => {
  it('counts steps, tokens and guesses', () => {
    const figures = new Figures(0)
    figures.add(
      { tokens: [1], text: 'a', sources: ['target'], speculation: { method: 'off', depth: 0 }, timings },
      100,
    )
    figures.add(
      {
        tokens: [2, 3, 4],
        text: 'bcd',
        sources: ['draft', 'draft', 'target'],
        speculation: { method: 'draft', depth: 4 },
        timings,
      },
      200,
    )
    expect(figures.numSteps).toBe(2)
    expect(figures.tokensPerStep).toBe(2)
    expect(figures.tokensPerSecond).toBe(30)
    expect(figures.acceptance).toBe(0.5)
    expect(figures.firstTokenMs).toBe(100)
    expect(figures.stepsByMethod).toEqual({ off: 1, draft: 1, lookup: 0 })
  })

  it('takes the usage of the last batch, which is no step if it holds no token', () => {
    const figures = new Figures(0)
    figures.add(
      {
        tokens: [],
        text: '',
        sources: [],
        speculation: { method: 'off', depth: 0 },
        timings,
        finishReason: 'stop',
        usage: { promptTokens: 1, completionTokens: 3, acceptedTokens: 3, rejectedTokens: 1 },
      },
      5,
    )
    expect(figures.numSteps).toBe(0)
    expect(figures.acceptance).toBe(0.75)
    expect(figures.tokensPerSecond).toBeUndefined()
  })
})
