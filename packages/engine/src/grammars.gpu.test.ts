/** Answers that a grammar constrains, on the smallest model there is. */
import grammars from '@mlc-ai/web-xgrammar?url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import stories40K from '../../tiny-models/stories40K-f32.gguf?url'
import { Engine, type GenerateOptions, type Speculation, sharedDevice } from './index'
import { isValid, objectSchemas } from './json-case'

const model = new URL(stories40K, location.href)
const prompt = 'Once upon a time, there was a little girl named Lily.'
const modes: Speculation[] = [
  { method: 'grammar', depth: 8 },
  { method: 'lookup', depth: 5 },
  { method: 'cache', depth: 4 },
  { method: 'draft', depth: 6 },
  'auto',
]

describe('a grammar', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await Engine.load(
      { model, draft: model, ngramCache: { name: 'grammars' }, grammars },
      { skipCalibration: true, device: await sharedDevice() },
    )
  })
  afterAll(() => engine.dispose())

  async function run(options: Omit<GenerateOptions, 'prompt'>) {
    const all = {
      tokens: [] as number[],
      sources: [] as string[],
      text: '',
      finishReason: '',
      logprobs: [] as number[],
    }
    for await (const batch of engine.generate({ prompt, maxTokens: 400, seed: 3, ...options })) {
      all.tokens.push(...batch.tokens)
      all.sources.push(...batch.sources)
      all.logprobs.push(...(batch.logprobs ?? []).map(({ logprob }) => logprob))
      all.text += batch.text
      all.finishReason = batch.finishReason ?? all.finishReason
    }
    return all
  }

  it('is matched, with the same ids whoever guesses, beside requests that have none', async () => {
    const free = { temperature: 0.8, maxTokens: 40, ignoreEos: true } as const
    const plain = await run({ ...free, speculation: 'off' })
    const property = fc.asyncProperty(
      objectSchemas(),
      fc.constantFrom(0, 0.8, 2),
      async (schema, temperature) => {
        const grammar = { schema }
        const off = await run({ grammar, temperature, speculation: 'off' })
        expect(off.finishReason).toBe('stop')
        expect(isValid(schema, JSON.parse(off.text)), off.text).toBe(true)
        const [beside, ...all] = await Promise.all([
          run({ ...free, speculation: { method: 'draft', depth: 3 } }),
          ...modes.slice(0, 4).map(speculation => run({ grammar, temperature, speculation })),
        ])
        expect(beside.tokens).toEqual(plain.tokens)
        const others = [...all, await run({ grammar, temperature, speculation: 'auto' })]
        for (const [i, { tokens }] of others.entries())
          expect(tokens, JSON.stringify(modes[i])).toEqual(off.tokens)
        expect(others[0]!.sources).toContain('grammar')
      },
    )
    await fc.assert(property, { numRuns: 5, endOnFailure: true })
  })

  it('is a regular expression or EBNF as well, for each sample of a prompt by itself', async () => {
    const pattern = /^(Tom|Lily) saw (a|the) (cat|dog|bird)( and (a|the) (cat|dog|bird))*\.$/
    const regex = pattern.source.slice(1, -1)
    const texts = ['', '', '']
    for await (const { index, text } of engine.generate({
      prompt,
      n: 3,
      temperature: 2,
      seed: 8,
      grammar: { regex },
    }))
      texts[index] += text
    for (const text of texts) expect(text).toMatch(pattern)
    expect(new Set(texts).size).toBeGreaterThan(1)
    const words = { grammar: { regex: '[A-Za-z ,]+' }, temperature: 0.8, maxTokens: 30 }
    const drafted = await run({ ...words, speculation: { method: 'draft', depth: 6 } })
    expect(drafted.tokens).toEqual((await run({ ...words, speculation: 'off' })).tokens)
    expect(drafted.sources).toContain('draft')
    const ebnf = 'root ::= "(" root ")" | "x"'
    const { text } = await run({ grammar: { ebnf }, temperature: 3, seed: 5 })
    expect(text).toMatch(/^\(*x\)*$/)
    expect(text.split('(').length).toBe(text.split(')').length)
    expect(
      JSON.parse((await run({ grammar: 'json', maxTokens: 400, temperature: 1 })).text || '{}'),
    ).toBeTypeOf('object')
  })

  it('is kept by requests that give way and are computed again', async () => {
    const small = { model, maxConcurrent: 3, contextLength: 192, grammars }
    const crowded = await Engine.load(small, {
      skipCalibration: true,
      maxBlocks: 4,
      device: await sharedDevice(),
    })
    const answer = async (seed: number) => {
      const tokens: number[] = []
      const grammar = { regex: '[a-z ]+' }
      for await (const batch of crowded.generate({
        prompt,
        maxTokens: 150,
        temperature: 1,
        seed,
        grammar,
        ignoreEos: true,
      }))
        tokens.push(...batch.tokens)
      return tokens
    }
    const alone: number[][] = []
    for (const seed of [1, 2, 3]) alone.push(await answer(seed))
    expect(await Promise.all([1, 2, 3].map(answer))).toEqual(alone)
    expect(crowded.stats().num_preemptions).toBeGreaterThan(0)
    await crowded.dispose()
  })

  it('goes first among what shapes the draw, and leaves log-probabilities as they are', async () => {
    const [yes, no] = ['yes', 'no'].map(text => engine.tokenize(text).at(-1)!)
    const grammar = { regex: '(yes|no)' }
    const first = await run({
      grammar,
      logprobs: true,
      temperature: 1,
      topK: 1,
      logitBias: { [yes!]: -5, [no!]: -5 },
    })
    expect(['yes', 'no']).toContain(first.text)
    const { logits, vocab } = await engine.forward(engine.tokenize(prompt))
    const last = logits.subarray(-vocab)
    const top = last.reduce((a, b) => Math.max(a, b))
    const total = Math.log(last.reduce((sum, value) => sum + Math.exp(value - top), 0)) + top
    expect(first.logprobs[0]).toBeCloseTo(last[first.tokens[0]!]! - total, 3)
  })

  it('that cannot be compiled is refused, and the engine goes on', async () => {
    await expect(run({ grammar: { ebnf: 'root ::= (' } })).rejects.toMatchObject({
      code: 'bad-request',
      details: { argument: 'grammar.ebnf' },
    })
    expect((await run({ grammar: { regex: '(yes|no)' } })).text).toMatch(/^(yes|no)$/)
  })
})
