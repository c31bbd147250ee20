import { isEngineError } from '@foretoken/errors'
import type { Tokenizer } from '@foretoken/tokenizer'
import { describe, expect, it } from 'vitest'
import { parseRequest, type RequestLimits } from './request'
import type { GenerateOptions } from './types'

const vocab = 512
const tokenizer = { endIds: [2], hasChatTemplate: false } as unknown as Tokenizer
const plainEngine = { contextLength: 64, vocab, hasDraft: false, verificationDepth: 0 }
const parse = (options: GenerateOptions, limits: RequestLimits = plainEngine) =>
  parseRequest({ tokens: [1, 5], ...options }, tokenizer, limits)
const sample = (options: GenerateOptions) => parse(options).samples[0]!

/** The argument that a refusal names. */
function refused(options: object, limits?: RequestLimits): unknown {
  try {
    parse(options, limits)
  } catch (error) {
    return isEngineError(error) && error.code === 'bad-request' && error.details.argument
  }
  return 'nothing'
}

describe('a request', () => {
  it('without penalties, or with neutral ones, has none', () => {
    for (const options of [
      {},
      { repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: {} },
    ]) {
      const sequence = sample({ seed: 1, ...options })
      expect(sequence.sampling).toEqual({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 })
      expect(sequence).not.toHaveProperty('logProbs')
    }
  })

  it('carries penalties and biases', () => {
    const options = { presencePenalty: -2, frequencyPenalty: 2, logitBias: { 0: -100, 511: 100, 7: 0.5 } }
    expect(sample(options).sampling).toMatchObject({
      penalties: { repetition: 1, presence: -2, frequency: 2 },
      logitBias: [
        [0, -100],
        [7, 0.5],
        [511, 100],
      ],
    })
  })

  it('says how many log-probabilities it wants, at most one per token there is', () => {
    expect(sample({ logprobs: true }).logProbs).toBe(0)
    expect(sample({ logprobs: true, topLogprobs: 20 }).logProbs).toBe(20)
    expect(sample({ logprobs: false, topLogprobs: 0 }).logProbs).toBeUndefined()
    const few = parse({ tokens: [1], logprobs: true, topLogprobs: 9 }, { ...plainEngine, vocab: 4 })
    expect(few.samples[0]!.logProbs).toBe(4)
  })

  it('has samples that differ by their seeds alone', () => {
    const { samples } = parse({ seed: 2 ** 32 - 2, n: 3, priority: 7 })
    expect(samples.map(({ sampling }) => sampling.seed)).toEqual([2 ** 32 - 2, 2 ** 32 - 1, 0])
    expect(samples[2]).toEqual(sample({ seed: 0, priority: 7 }))
    expect(parse({}).samples).toHaveLength(1)
  })

  it('is judged by shared noise unless it says otherwise, and always where sampling is greedy', () => {
    for (const verification of ['rejection', 'block'] as const) {
      const verified = (temperature: number) => sample({ verification, temperature })
      expect(verified(0.5)).toMatchObject({ verification })
      expect(verified(0)).not.toHaveProperty('verification')
      expect(verified(1e-5)).not.toHaveProperty('verification')
    }
    expect(sample({ temperature: 1 })).not.toHaveProperty('verification')
    expect(sample({ temperature: 1, verification: 'shared-noise' })).not.toHaveProperty('verification')
  })

  const withDraft = { ...plainEngine, hasDraft: true }
  const block = { temperature: 1, verification: 'block' }
  it.each<[unknown, object, RequestLimits]>([
    ['verification', { verification: 'typical' }, plainEngine],
    ['verification', { verification: 3 }, plainEngine],
    ['verification', { ...block, speculation: { method: 'tree', depth: 4 } }, plainEngine],
    ['verification', { ...block, temperature: 0, speculation: { method: 'tree', depth: 4 } }, plainEngine],
    ['verification', block, withDraft],
    ['speculation.depth', { ...block, speculation: { method: 'draft', depth: 1 } }, withDraft],
    [
      'speculation.depth',
      { ...block, speculation: { method: 'draft', depth: 5 } },
      { ...withDraft, verificationDepth: 4 },
    ],
    [
      'nothing',
      { ...block, speculation: { method: 'draft', depth: 4 } },
      { ...withDraft, verificationDepth: 4 },
    ],
    ['nothing', { ...block, temperature: 0, speculation: { method: 'draft', depth: 4 } }, withDraft],
    ['nothing', { ...block, speculation: { method: 'lookup', depth: 16 } }, withDraft],
    ['nothing', { ...block, speculation: 'off' }, withDraft],
    ['nothing', block, { ...withDraft, verificationDepth: 1 }],
  ])('has its %s refused for what it asks of verification: %o, %o', (argument, options, limits) => {
    expect(refused(options, limits)).toBe(argument)
  })

  const many = Object.fromEntries(Array.from({ length: 301 }, (_, i) => [i, 1]))
  it.each<[string, object]>([
    ['repetitionPenalty', { repetitionPenalty: 0 }],
    ['repetitionPenalty', { repetitionPenalty: -1 }],
    ['repetitionPenalty', { repetitionPenalty: Number.POSITIVE_INFINITY }],
    ['presencePenalty', { presencePenalty: 2.1 }],
    ['frequencyPenalty', { frequencyPenalty: Number.NaN }],
    ['logitBias', { logitBias: many }],
    ['logitBias', { logitBias: [1, 2] }],
    ['logitBias', { logitBias: new Map([[1, 2]]) }],
    ['logitBias', { logitBias: 'all' }],
    ['logitBias[512]', { logitBias: { 512: 1 } }],
    ['logitBias[-1]', { logitBias: { '-1': 1 } }],
    ['logitBias[1.5]', { logitBias: { 1.5: 1 } }],
    ['logitBias[01]', { logitBias: { '01': 1 } }],
    ['logitBias[cat]', { logitBias: { cat: 1 } }],
    ['logitBias[3]', { logitBias: { 3: 101 } }],
    ['logitBias[3]', { logitBias: { 3: null } }],
    ['logitBias[3]', { logitBias: { 3: '1' } }],
    ['n', { n: 0 }],
    ['n', { n: 33 }],
    ['n', { n: 1.5 }],
    ['priority', { priority: 101 }],
    ['priority', { priority: -0.5 }],
    ['logprobs', { logprobs: 1 }],
    ['topLogprobs', { logprobs: true, topLogprobs: 21 }],
    ['topLogprobs', { logprobs: true, topLogprobs: 1.5 }],
    ['topLogprobs', { topLogprobs: 3 }],
  ])('is refused for its %s: %o', (argument, options) => {
    expect(refused(options)).toBe(argument)
  })
})
