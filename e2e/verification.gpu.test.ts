/** Requests whose drafts are judged by probabilities, through the whole stack. Their distribution: distribution.gpu.test.ts. */
import { Engine, type GenerateOptions, sharedDevice, type TokenBatch } from '@foretoken/engine'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomModel } from './bench/random-model'
import { smallKernels } from './small-kernels'

const vocab = 64
const shape = { vocab, context: 256 }
const target = randomModel(1, shape)
const maxTokens = 40
const prompt = Array.from({ length: 30 }, (_, i) => 3 + ((i * i) % 17))
const drafting = { method: 'draft', depth: 4 } as const
const lookup = { method: 'lookup', depth: 3 } as const
const rules = ['rejection', 'block'] as const
const base = { tokens: prompt, temperature: 1, seed: 7, maxTokens, ignoreEos: true }

let engine: Engine
/** The target drafts for itself: p is q. */
let twin: Engine
beforeAll(async () => {
  const device = await sharedDevice()
  const load = (draft: Blob): Promise<Engine> =>
    Engine.load(
      { model: target, draft, verificationDepth: 4 },
      { skipCalibration: true, deviceProfile: smallKernels, device },
    )
  engine = await load(randomModel(2, shape))
  twin = await load(target)
})
afterAll(async () => {
  expect(engine.stats().createsSinceReady).toBe(0)
  await engine.dispose()
  await twin.dispose()
})

async function collect(options: GenerateOptions, of = engine): Promise<TokenBatch[]> {
  const batches: TokenBatch[] = []
  for await (const batch of of.generate({ ...base, ...options })) batches.push(batch)
  return batches
}

const idsOf = (batches: readonly TokenBatch[]): number[] => batches.flatMap(({ tokens }) => tokens)
const ids = async (options: GenerateOptions, of?: Engine): Promise<number[]> =>
  idsOf(await collect(options, of))

describe.each(rules)('%s', verification => {
  it('repeats its ids by seed, alone and in company, and leaves the ids of others alone', async () => {
    const plain = { temperature: 0.8, seed: 3 }
    const expected = await ids(plain)
    for (const speculation of [drafting, lookup]) {
      const verified = { verification, speculation }
      const alone = await ids(verified)
      expect(alone).toHaveLength(maxTokens)
      expect(await ids(verified)).toEqual(alone)
      expect(await ids({ ...verified, seed: 8 })).not.toEqual(alone)
      const [own, other] = await Promise.all([
        ids(verified),
        ids({ ...plain, speculation: drafting }),
        ids({ verification: 'block', speculation: drafting, tokens: prompt.slice(0, 5), maxTokens: 15 }),
        ids({ verification: 'rejection', speculation: lookup, maxTokens: 9, seed: 1 }),
        // One that has to wait for a place.
        ids({ speculation: 'off', maxTokens: 20 }),
      ])
      expect(own).toEqual(alone)
      expect(other).toEqual(expected)
    }
  })

  it('keeps some of its drafts and not others, from a model and from lookup', async () => {
    for (const speculation of [drafting, lookup]) {
      const usage = (await collect({ verification, speculation, temperature: 0.5 })).at(-1)!.usage!
      expect(usage.acceptedTokens).toBeGreaterThan(0)
      expect(usage.rejectedTokens).toBeGreaterThan(0)
    }
  })

  it('gives the ids of shared noise where sampling leaves no choice', async () => {
    for (const options of [{ temperature: 0 }, { topK: 1 }, { temperature: 0, repetitionPenalty: 1.3 }]) {
      const expected = await ids({ ...options, speculation: 'off' })
      for (const speculation of [drafting, lookup]) {
        expect(await ids({ ...options, speculation, verification })).toEqual(expected)
      }
    }
  })

  it('keeps all that the target drafts for itself, under filters, bias and penalties too', async () => {
    for (const options of [
      {},
      { topK: 9, topP: 0.8, minP: 0.02, temperature: 1.5 },
      { repetitionPenalty: 1.5, presencePenalty: 0.5, frequencyPenalty: 0.75, logitBias: { 5: 2, 9: -100 } },
    ]) {
      const batches = await collect({ ...options, verification, speculation: drafting }, twin)
      expect(batches.at(-1)!.usage).toMatchObject({ rejectedTokens: 0 })
      expect(batches.at(-1)!.usage!.acceptedTokens).toBeGreaterThan(maxTokens / 2)
    }
  })

  it('draws nothing that filters or bias rule out', async () => {
    const banned = Object.fromEntries(Array.from({ length: vocab - 6 }, (_, i) => [i, -100]))
    const drawn = await ids({ verification, speculation: drafting, logitBias: banned })
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(vocab - 6)
    const filters = { topK: 3, temperature: 2 }
    const filtered = await ids({ ...filters, verification, speculation: drafting })
    const { logits } = await engine.forward([...prompt, ...filtered])
    for (const [i, id] of filtered.entries()) {
      const row = logits.subarray((prompt.length - 1 + i) * vocab, (prompt.length + i) * vocab)
      expect(row.filter(value => value > row[id]!).length).toBeLessThan(3)
    }
  })

  it('tells the log-probabilities of the tokens that it commits', async () => {
    const batches = await collect({ verification, speculation: drafting, logprobs: true })
    const committed = idsOf(batches)
    const told = batches.flatMap(({ logprobs }) => logprobs!)
    expect(told.map(({ token }) => token)).toEqual(committed)
    expect(committed).toEqual(await ids({ verification, speculation: drafting }))
    const { logits } = await engine.forward([...prompt, ...committed])
    for (const [i, { token, logprob }] of told.entries()) {
      const row = [...logits.subarray((prompt.length - 1 + i) * vocab, (prompt.length + i) * vocab)]
      const logSum = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0))
      expect(logprob).toBeCloseTo(row[token]! - logSum, 4)
    }
  })

  it('ends at a stop inside a draft, at its last token, and at an abort', async () => {
    const verified = { verification, speculation: drafting }
    const all = await ids(verified, twin)
    const stop = all[12]!
    const stopped = await collect({ ...verified, stopTokens: [stop] }, twin)
    expect(idsOf(stopped)).toEqual(all.slice(0, all.indexOf(stop) + 1))
    expect(stopped.at(-1)!.finishReason).toBe('stop')
    // How far a draft reaches depends on the room that there is: up to there the ids are the same.
    expect((await ids({ ...verified, maxTokens: 13 }, twin)).slice(0, 8)).toEqual(all.slice(0, 8))
    const signal = AbortSignal.abort()
    await expect(ids({ ...verified, signal }, twin)).rejects.toMatchObject({ code: 'aborted' })
    expect(await ids(verified, twin)).toEqual(all)
  })
})

it('judges nothing where nothing is drafted', async () => {
  const dispatches = async (options: GenerateOptions): Promise<number> => {
    const before = engine.stats()
    await ids({ speculation: lookup, maxTokens: 1, ...options })
    const after = engine.stats()
    return after.num_dispatches - before.num_dispatches
  }
  const plain = await dispatches({})
  expect(await dispatches({ verification: 'block' })).toBe(plain)
})

it('is refused with numbers where it cannot be had', async () => {
  await expect(
    ids({ verification: 'block', speculation: { method: 'draft', depth: 5 } }),
  ).rejects.toMatchObject({
    code: 'bad-request',
    details: {
      argument: 'speculation.depth',
      value: 5,
      allowed: "at most 4, the engine's verificationDepth",
    },
  })
})
