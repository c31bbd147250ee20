/** Promise 1 for many at once: requests that join, leave, share prefixes and give way have the ids that they have alone. */
import {
  Engine,
  type GenerateOptions,
  type Speculation,
  sharedDevice,
  type TokenBatch,
} from '@foretoken/engine'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import talesTiny from '../packages/tiny-models/tales-tiny-q8_0.gguf?url'
import talesWide from '../packages/tiny-models/tales-wide-q8_0.gguf?url'
import { smallKernels } from './small-kernels'

const models = { model: new URL(talesWide, location.href), draft: new URL(talesTiny, location.href) }
const internals = { skipCalibration: true, deviceProfile: smallKernels, device: await sharedDevice() }
const contextLength = 256
const NUM_REQUESTS = 16

/** Ids of no meaning, the same for the same kind. */
const ids = (length: number, kind: number): number[] =>
  Array.from({ length }, (_, i) => 5 + ((i * 37 + kind * 101 + ((i * i * (kind + 1)) % 89)) % 400))

/**
 * The first four grow until they do not fit together. Of the others every second begins with a system prompt of two
 * blocks and a half, some with the same first turn behind it.
 */
const requests = Array.from({ length: NUM_REQUESTS }, (_, i): GenerateOptions => {
  const isLong = i < 4
  const system = !isLong && i % 2 === 0 ? [...ids(160, 0), ...ids(30, i % 4)] : []
  const repeated = ids(6, i)
  return {
    tokens: [...system, ...ids(1 + i, i), ...repeated, ...repeated],
    maxTokens: isLong ? 190 + i : 15 + i,
    ignoreEos: true,
    seed: i,
    temperature: i % 3 === 0 ? 0 : 0.8,
    ...(i % 4 === 1 ? { repetitionPenalty: 1.2, frequencyPenalty: 0.5, logitBias: { 7: 3 } } : {}),
  }
})

async function collect(engine: Engine, options: GenerateOptions, onBatch = (_: TokenBatch) => {}) {
  const batches: TokenBatch[] = []
  for await (const batch of engine.generate(options)) {
    batches.push(batch)
    onBatch(batch)
  }
  return batches
}
const ending = (
  engine: Engine,
  options: GenerateOptions,
  onBatch?: (batch: TokenBatch) => void,
): Promise<unknown> =>
  collect(engine, options, onBatch).then(
    () => 'finished',
    (error: { code?: string }) => error.code,
  )
/** It is aborted at its fifth token. */
function leave(engine: Engine, options: GenerateOptions): Promise<unknown> {
  const controller = new AbortController()
  let numTokens = 0
  return ending(engine, { ...options, signal: controller.signal }, ({ tokens }) => {
    numTokens += tokens.length
    if (numTokens >= 5) controller.abort()
  })
}
const idsOf = (batches: readonly TokenBatch[]): number[] => batches.flatMap(({ tokens }) => tokens)

describe('sixteen requests in few KV blocks', () => {
  const expected: number[][] = []
  let engine: Engine
  beforeAll(async () => {
    const alone = await Engine.load({ ...models, contextLength, maxConcurrent: 1 }, internals)
    for (const request of requests) {
      expected.push(idsOf(await collect(alone, { ...request, speculation: 'off' })))
      // Takes all blocks there are, so that nothing of this request is left for the next one.
      await alone.forward(ids(contextLength, 9))
    }
    expect(alone.stats().prefix_cache_hits).toBe(0)
    await alone.dispose()
    engine = await Engine.load(
      { ...models, contextLength, maxConcurrent: NUM_REQUESTS },
      { ...internals, maxBlocks: 8 },
    )
    expect(engine.stats().kvBlocks).toEqual({ total: 8, used: 0, cached: 0 })
  }, 300_000)
  afterAll(() => engine.dispose())

  it.each<[string, Speculation]>([
    ['off', 'off'],
    ['auto', 'auto'],
    ['draft', { method: 'draft', depth: 3 }],
  ])(
    'with %s',
    async (_, speculation) => {
      const before = engine.stats()
      const leaving = [1, 2].map(i => leave(engine, { ...requests[6]!, maxTokens: 40, seed: 100 + i }))
      let numTokens = 0
      const running: Array<Promise<TokenBatch[]>> = []
      const join = (): void => {
        for (let i = running.length; i < NUM_REQUESTS && numTokens >= 4 * i; i++) {
          running.push(collect(engine, { ...requests[i]!, speculation }, onBatch))
        }
      }
      const onBatch = ({ tokens }: TokenBatch): void => {
        numTokens += tokens.length
        join()
      }
      join()
      for (let i = 0; i < NUM_REQUESTS; i++) expect(idsOf(await running[i]!), `${i}`).toEqual(expected[i])
      expect(await Promise.all(leaving)).toEqual(['aborted', 'aborted'])
      const after = engine.stats()
      expect(after.num_preemptions).toBeGreaterThan(before.num_preemptions)
      expect(after.prefix_cache_hits).toBeGreaterThan(before.prefix_cache_hits + 3 * 128)
      expect(after).toMatchObject({ num_running: 0, num_waiting: 0, kvBlocks: { total: 8, used: 0 } })
      if (speculation !== 'off') expect(after.num_accepted_tokens).toBeGreaterThan(before.num_accepted_tokens)
    },
    300_000,
  )

  it('has the same log-probabilities, to the last bit, over keys and values that another request left', async () => {
    const request = { ...requests[6]!, maxTokens: 8, logprobs: true, topLogprobs: 5 }
    await engine.forward(ids(contextLength, 9))
    await engine.forward(ids(contextLength, 8))
    await engine.forward(ids(contextLength, 7))
    const first = await collect(engine, request)
    const second = await collect(engine, request)
    expect(first.at(-1)!.usage!.cachedTokens).toBe(0)
    expect(second.at(-1)!.usage!.cachedTokens).toBe(192)
    const told = (batches: TokenBatch[]) => batches.flatMap(({ logprobs }) => logprobs)
    expect(told(second)).toEqual(told(first))
  })

  it('draws n samples as it does with their seeds alone, and computes their prompt once', async () => {
    const request = { ...requests[4]!, temperature: 1, maxTokens: 12, seed: 2 ** 32 - 2 }
    const before = engine.stats()
    const batches = await collect(engine, { ...request, n: 4 })
    const shared = engine.stats().prefix_cache_hits - before.prefix_cache_hits
    expect(shared).toBeGreaterThanOrEqual(3 * 192)
    for (const [index, seed] of [2 ** 32 - 2, 2 ** 32 - 1, 0, 1].entries()) {
      const own = batches.filter(batch => batch.index === index)
      expect(idsOf(own)).toEqual(idsOf(await collect(engine, { ...request, seed })))
      expect(own.filter(({ finishReason }) => finishReason)).toEqual([own.at(-1)])
    }
    for await (const { index } of engine.generate({ ...request, n: 3 })) if (index === 2) break
    await expect.poll(() => engine.stats()).toMatchObject({ num_running: 0, kvBlocks: { used: 0 } })
  })

  it('queues 1,000 at once, refuses what its queue has no place for, and gets every block back', async () => {
    const controllers = Array.from({ length: 1000 }, () => new AbortController())
    const endings = controllers.map(({ signal }, i) =>
      ending(engine, { tokens: ids(1 + (i % 70), i % 5), maxTokens: 4, seed: i, signal }),
    )
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(engine.stats().num_waiting).toBeGreaterThan(900)
    const limit = 1024
    const many = { tokens: [5], n: 32, maxTokens: 1 }
    const refused = Array.from({ length: 8 }, () => collect(engine, many).catch((error: unknown) => error))
    expect(await refused.at(-1)).toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining(`at most ${limit} requests are waiting`),
      details: { waiting: expect.any(Number), limit, asked: 32 },
    })
    // All but the last twenty leave, at any time.
    for (const [i, controller] of controllers.slice(0, -20).entries()) {
      if (i % 10 === 0) await new Promise(resolve => setTimeout(resolve, 1))
      controller.abort()
    }
    const all = await Promise.all(endings)
    expect(new Set(all.slice(-20))).toEqual(new Set(['finished']))
    expect(all.filter(code => code === 'aborted').length).toBeGreaterThan(500)
    await expect
      .poll(() => engine.stats(), { timeout: 60_000 })
      .toMatchObject({ num_running: 0, num_waiting: 0, kvBlocks: { total: 8, used: 0 } })
  }, 300_000)
})
