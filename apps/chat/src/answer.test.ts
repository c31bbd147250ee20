import type { TokenBatch } from 'foretoken'
import { describe, expect, it } from 'vitest'
import { Answer, describeRun, guesserOf } from './answer.ts'

function batch(text: string, sources: TokenBatch['sources']): TokenBatch {
  const speculation = { method: 'draft', depth: 4 } as const
  return {
    id: 1,
    index: 0,
    tokens: sources.map((_, index) => index),
    text,
    sources,
    speculation,
    timings: { stepMs: 1, cpuMs: 0 },
  }
}

describe('Answer', () => {
  it('makes one run of each batch', () => {
    const answer = new Answer()
    answer.add(batch(' cat', ['target']), 1)
    answer.add(batch(' sat on', ['draft', 'draft', 'target']), 2)
    expect(answer.text).toBe(' cat sat on')
    expect(answer.runs.map(guesserOf)).toEqual([undefined, 'draft'])
    expect(answer.runs.map(describeRun)).toEqual([
      '1 token in one step: 1 by the model',
      '3 tokens in one step: 2 drafted and accepted, 1 by the model',
    ])
    expect(answer.counts).toMatchObject({ target: 2, draft: 2, lookup: 0 })
  })

  it('counts tokens whose text was held back to the run that shows it', () => {
    const answer = new Answer()
    answer.add(batch('', ['lookup']), 1)
    answer.add(batch('é', ['target']), 2)
    expect(answer.runs.map(describeRun)).toEqual([
      '2 tokens in 2 steps: 1 looked up and accepted, 1 by the model',
    ])
  })
})
