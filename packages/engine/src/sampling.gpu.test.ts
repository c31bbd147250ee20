/** Bias, penalties and log-probabilities, checked against the logits that `forward` gives. */
import { kernels } from '@foretoken/shaders'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import stories40K from '../../tiny-models/stories40K-f32.gguf?url'
import { Engine, type GenerateOptions, type Speculation, sharedDevice, type TokenBatch } from './index'

const model = new URL(stories40K, location.href)
const prompt = 'Once upon a time, there was a little girl named Lily.'
const maxTokens = 40
const base = { prompt, maxTokens, ignoreEos: true, seed: 5 }
const penalised = { repetitionPenalty: 1.5, presencePenalty: 0.5, frequencyPenalty: 0.75 }
const modes: Speculation[] = [
  'off',
  { method: 'lookup', depth: 5 },
  { method: 'draft', depth: 3 },
  { method: 'draft', depth: 16 },
  'auto',
]

/** A kernel that counts what is committed and forgets what is drafted. */
const forgetful = {
  ...kernels.adjustLogits,
  source: kernels.adjustLogits.source.replace('count += u32(drafted[i] == token);', ''),
}

let engine: Engine
beforeAll(async () => {
  engine = await Engine.load({ model, draft: model }, { device: await sharedDevice() })
})
afterAll(async () => {
  expect(engine.stats().createsSinceReady).toBe(0)
  await engine.dispose()
})

async function collect(options: GenerateOptions, of = engine): Promise<TokenBatch[]> {
  const batches: TokenBatch[] = []
  for await (const batch of of.generate({ ...base, ...options })) batches.push(batch)
  return batches
}

async function generate(options: GenerateOptions): Promise<number[]> {
  return (await collect(options)).flatMap(({ tokens }) => tokens)
}

/** The model's logits before each token of an answer. */
async function logitsBefore(ids: readonly number[]): Promise<Float32Array[]> {
  const tokens = engine.tokenize(prompt)
  const { logits, vocab } = await engine.forward([...tokens, ...ids])
  return ids.map((_, i) => logits.subarray((tokens.length - 1 + i) * vocab, (tokens.length + i) * vocab))
}

/** What greedy sampling takes: the definitions of transformers and OpenAI, once more. */
function best(logits: Float32Array, output: readonly number[], options: GenerateOptions): number {
  const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0, logitBias = {} } = options
  const seen = new Set([...engine.tokenize(prompt), ...output])
  const adjusted = [...logits].map((logit, id) => {
    const value = logit + (logitBias[id] ?? 0)
    const repeated = value > 0 ? value / repetitionPenalty : value * repetitionPenalty
    const count = output.filter(other => other === id).length
    return (seen.has(id) ? repeated : value) - (count > 0 ? presencePenalty : 0) - frequencyPenalty * count
  })
  return adjusted.indexOf(Math.max(...adjusted))
}

describe('penalties and bias', () => {
  it.each([
    { repetitionPenalty: 1.5 },
    { presencePenalty: 1, frequencyPenalty: 0.5 },
    { ...penalised, logitBias: { 260: 2, 287: -3, 3: -100 } },
    { logitBias: { 338: -9, 260: 2 } },
    { repetitionPenalty: 0.8, presencePenalty: -0.5 },
  ])('greedily take what the definitions say: %o', async options => {
    const ids = await generate({ ...options, speculation: 'off' })
    expect(ids).not.toEqual(await generate({ speculation: 'off' }))
    const logits = await logitsBefore(ids)
    expect(ids).toEqual(ids.map((_, i) => best(logits[i]!, ids.slice(0, i), options)))
  })

  it.each([0, 0.8])('change no id by speculation at T = %d', async temperature => {
    const options = { ...penalised, temperature, logitBias: { 260: 1 } }
    const expected = await generate({ ...options, speculation: 'off' })
    for (const speculation of modes) expect(await generate({ ...options, speculation })).toEqual(expected)
  })

  it('would change ids if drafted tokens did not count: the test can see it', async () => {
    const broken = await Engine.load(
      { model, draft: model },
      { kernels: { adjustLogits: forgetful }, skipCalibration: true, device: await sharedDevice() },
    )
    const speculation = { method: 'draft', depth: 7 } as const
    const batches = await collect({ ...penalised, speculation }, broken)
    expect(batches.flatMap(({ tokens }) => tokens)).not.toEqual(
      await generate({ ...penalised, speculation: 'off' }),
    )
    await broken.dispose()
  })

  it('apply to the draft as well: the model drafting for itself is always right', async () => {
    for (const temperature of [0, 1]) {
      const batches = await collect({ ...penalised, temperature, speculation: { method: 'draft', depth: 7 } })
      expect(batches.at(-1)!.usage).toMatchObject({ acceptedTokens: 34, rejectedTokens: 0 })
    }
  })

  it('ban and force tokens', async () => {
    const plain = await generate({ temperature: 1 })
    const banned = Object.fromEntries(plain.map(id => [id, -100]))
    const others = await generate({ temperature: 1, logitBias: banned })
    expect(others.filter(id => id in banned)).toEqual([])
    const forced = await generate({ temperature: 1, logitBias: { 300: 100 } })
    expect(forced).toEqual(new Array(maxTokens).fill(300))
  })

  it('leave other requests alone, whether they run beside or come after', async () => {
    const plain = { speculation: 'off', temperature: 0.8 } as const
    const wanted = [await generate(plain), await generate({ ...plain, ...penalised })]
    const together = [plain, { ...plain, ...penalised }, plain, { ...plain, ...penalised }]
    const ids = await Promise.all(together.map(options => generate(options)))
    expect(ids).toEqual([...wanted, ...wanted])
    expect(await generate(plain)).toEqual(wanted[0])
  })

  it('cost a request without them no dispatch', async () => {
    const dispatches = async (options: GenerateOptions) => {
      const before = engine.stats()
      // A single step: one that is planned ahead has a dispatch more, to fill in its positions.
      await generate({ ...options, speculation: 'off', maxTokens: 1 })
      const after = engine.stats()
      return (after.num_dispatches - before.num_dispatches) / (after.num_steps - before.num_steps)
    }
    const plain = await dispatches({})
    expect(await dispatches({ repetitionPenalty: 1, logitBias: {}, logprobs: false })).toBe(plain)
    expect(await dispatches(penalised)).toBe(plain + 1)
    expect(await dispatches({ logprobs: true })).toBe(plain + 1)
    expect(await dispatches({ ...penalised, logprobs: true })).toBe(plain + 3)
  })
})

describe('log-probabilities', () => {
  it.each([{}, penalised])('are the log-softmax of the raw logits with %o', async options => {
    const batches = await collect({ ...options, temperature: 0.8, logprobs: true, topLogprobs: 5 })
    const told = batches.flatMap(({ logprobs }) => logprobs!)
    const ids = batches.flatMap(({ tokens }) => tokens)
    expect(told.map(({ token }) => token)).toEqual(ids)
    const logits = await logitsBefore(ids)
    for (const [i, { token, logprob, topLogprobs }] of told.entries()) {
      const row = [...logits[i]!]
      const logSum = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0))
      expect(logprob).toBeCloseTo(row[token]! - logSum, 4)
      const order = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, 5)
      expect(topLogprobs.map(other => other.token)).toEqual(order)
      for (const other of topLogprobs) expect(other.logprob).toBeCloseTo(row[other.token]! - logSum, 4)
    }
  })

  it.each([{}, penalised])('are the same bits in every mode, alone or not, with %o', async options => {
    const told = async (speculation: Speculation, topLogprobs: number) =>
      (await collect({ ...options, temperature: 0.8, speculation, logprobs: true, topLogprobs })).flatMap(
        ({ logprobs }) => logprobs!,
      )
    const expected = await told('off', 3)
    expect(expected).toHaveLength(maxTokens)
    for (const speculation of modes) expect(await told(speculation, 3)).toEqual(expected)
    const [beside] = await Promise.all([
      told({ method: 'draft', depth: 4 }, 3),
      told('off', 20),
      generate({ speculation: { method: 'lookup', depth: 3 } }),
    ])
    expect(beside).toEqual(expected)
  })

  it('come one per token of a batch, with texts and bytes, and not where they are not asked for', async () => {
    const batches = await collect({ logprobs: true, speculation: { method: 'draft', depth: 3 } })
    for (const { tokens, logprobs } of batches) expect(logprobs!.map(({ token }) => token)).toEqual(tokens)
    const told = batches.flatMap(({ logprobs }) => logprobs!)
    expect(told.every(({ topLogprobs }) => topLogprobs.length === 0)).toBe(true)
    expect(told.map(({ text }) => text).join('')).toBe(batches.map(({ text }) => text).join(''))
    const utf8 = new TextEncoder()
    for (const { text, bytes } of told) expect(bytes).toEqual([...utf8.encode(text)])
    const [plain] = await collect({})
    expect(plain).not.toHaveProperty('logprobs')
  })
})
