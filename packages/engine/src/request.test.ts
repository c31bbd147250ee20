import { isEngineError } from '@foretoken/errors'
import type { Tokenizer } from '@foretoken/tokenizer'
import { describe, expect, it } from 'vitest'
import { parseRequest, type RequestLimits } from './request'
import type { GenerateOptions } from './types'

const vocab = 512
const tokenizer = { endIds: [2], hasChatTemplate: false } as unknown as Tokenizer
const plainEngine = {
  contextLength: 64,
  vocab,
  numDrafts: 0,
  numHeads: 0,
  trees: false,
  ngramCache: false,
  verificationDepth: 0,
  grammars: true,
}
const everything = { ...plainEngine, numDrafts: 2, numHeads: 3, trees: true, ngramCache: true }
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

  it('with a grammar is drafted for by chains, and judged by shared noise', () => {
    const limits = { ...everything, verificationDepth: 4 }
    const grammar = { regex: 'a+' }
    expect(parse({ grammar }).grammar).toEqual({ kind: 'regex', text: 'a+', strict: true })
    expect(parse({}).grammar).toBeUndefined()
    for (const method of ['lookup', 'cache', 'grammar', 'draft', 'heads'] as const)
      expect(refused({ grammar, speculation: { method, depth: 2 } }, limits)).toBe('nothing')
    const tree = { method: 'tree', depth: 2 }
    expect(refused({ grammar, speculation: tree }, limits)).toBe('speculation.method')
    expect(refused({ speculation: { method: 'grammar', depth: 2 } })).toBe('speculation.method')
    expect(refused({ grammar, verification: 'block', temperature: 1 }, limits)).toBe('verification')
    expect(refused({ grammar }, { ...plainEngine, grammars: false })).toBe('grammar')
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

  const withDraft = { ...plainEngine, numDrafts: 1 }
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

describe('speculation', () => {
  const speculation = (wish: object) =>
    parse({ speculation: wish as never }, everything).samples[0]!.speculation

  it('names a drafter, and how far it goes', () => {
    expect(speculation({ method: 'lookup', depth: 16 })).toEqual({ method: 'lookup', depth: 16 })
    expect(speculation({ method: 'draft', depth: 4 })).toEqual({ method: 'draft', depth: 4 })
    expect(speculation({ method: 'draft', depth: 4, draft: 1 })).toEqual({ method: 'draft-2', depth: 4 })
    expect(speculation({ method: 'heads', depth: 3 })).toEqual({ method: 'heads', depth: 3 })
    expect(speculation({ method: 'tree', depth: 31 })).toEqual({ method: 'heads-tree', depth: 31 })
    expect(speculation({ method: 'tree', depth: 9, from: 'draft' })).toEqual({
      method: 'draft-tree',
      depth: 9,
    })
    expect(speculation({ method: 'cache', depth: 0 })).toBe('off')
    const alone = { ...plainEngine, trees: true }
    expect(parse({ speculation: { method: 'tree', depth: 2 } }, alone).samples[0]!.speculation).toEqual({
      method: 'lookup-tree',
      depth: 2,
    })
  })

  it.each<[string, object, typeof plainEngine]>([
    ['speculation.method', { method: 'draft', depth: 1 }, plainEngine],
    ['speculation.method', { method: 'cache', depth: 1 }, plainEngine],
    ['speculation.method', { method: 'heads', depth: 1 }, plainEngine],
    ['speculation.method', { method: 'tree', depth: 1 }, plainEngine],
    ['speculation.from', { method: 'tree', depth: 1, from: 'draft' }, { ...everything, numDrafts: 0 }],
    ['speculation.from', { method: 'tree', depth: 1, from: 'heads' }, { ...everything, numHeads: 0 }],
    ['speculation.from', { method: 'tree', depth: 1, from: 'cache' }, everything],
    ['speculation.from', { method: 'heads', depth: 1, from: 'heads' }, everything],
    ['speculation.draft', { method: 'draft', depth: 1, draft: 2 }, everything],
    ['speculation.draft', { method: 'draft', depth: 1, draft: 0.5 }, everything],
    ['speculation.draft', { method: 'lookup', depth: 1, draft: 0 }, everything],
    ['speculation.depth', { method: 'heads', depth: 4 }, everything],
    ['speculation.depth', { method: 'draft', depth: 17 }, everything],
    ['speculation.depth', { method: 'tree', depth: 32 }, everything],
    ['speculation.depth', { method: 'tree' }, everything],
    ['speculation', { method: 'off', depth: 1 }, everything],
    ['speculation', {}, everything],
  ])('is refused for its %s: %o', (argument, wish, loaded) => {
    expect(refused({ speculation: wish }, loaded)).toBe(argument)
  })
})
