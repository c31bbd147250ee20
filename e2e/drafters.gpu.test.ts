/** Every drafter of the bundled family: the ids of speculation off, and guesses that are accepted as well as refused. */
import {
  Engine,
  type GenerateOptions,
  type Speculation,
  type StepEvent,
  sharedDevice,
} from '@foretoken/engine'
import { bundledHeadsUrl } from '@foretoken/tiny-models'
import { family, prompts } from '@foretoken/tiny-models/family'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { smallKernels } from './small-kernels'

const ways: Speculation[] = [
  { method: 'cache', depth: 4 },
  { method: 'draft', depth: 4 },
  { method: 'draft', depth: 3, draft: 1 },
  { method: 'heads', depth: 3 },
  { method: 'tree', depth: 12, from: 'lookup' },
  { method: 'tree', depth: 12, from: 'heads' },
  { method: 'tree', depth: 12, from: 'draft' },
  'auto',
]
const texts = [prompts.story[0]!, prompts.edit[0]!]

describe('drafters', () => {
  let engine: Engine

  beforeAll(async () => {
    engine = await Engine.load(
      {
        model: family.target.q8_0,
        draft: [family.wide.q8_0, family.tiny.q8_0],
        heads: bundledHeadsUrl,
        trees: true,
        ngramCache: { name: 'test' },
        contextLength: 512,
      },
      { deviceProfile: smallKernels, skipCalibration: true, device: await sharedDevice() },
    )
  }, 120_000)

  afterAll(() => engine.dispose())

  async function run(options: GenerateOptions) {
    const run = { tokens: [] as number[] }
    for await (const batch of engine.generate({ maxTokens: 48, ...options })) {
      run.tokens.push(...batch.tokens)
    }
    return run
  }

  it('change no id, side by side in the same steps', async () => {
    const requests = texts.map(content => ({
      messages: [{ role: 'user', content }],
      temperature: 0.8,
      seed: 7,
    }))
    const wanted = []
    for (const request of requests) wanted.push((await run({ ...request, speculation: 'off' })).tokens)
    const together = await Promise.all(
      requests.flatMap(request => ways.map(speculation => run({ ...request, speculation }))),
    )
    for (const [i, { tokens }] of together.entries()) {
      expect(tokens, JSON.stringify(ways[i % ways.length])).toEqual(wanted[Math.floor(i / ways.length)])
    }
    const { byMethod, numCachedNgrams } = engine.stats()
    for (const [name, counts] of Object.entries(byMethod)) {
      if (['draft-3', 'lookup', 'grammar'].includes(name)) continue
      expect(counts.num_accepted_tokens, name).toBeGreaterThan(0)
      expect(counts.num_accepted_tokens, name).toBeLessThan(counts.num_draft_tokens)
    }
    expect(numCachedNgrams).toBeGreaterThan(0)
  })

  it('that are nets tell how sure they were of each token of a chain, step after step', async () => {
    const listening = new AbortController()
    const events: StepEvent[] = []
    const heard = (async () => {
      for await (const event of engine.steps({ signal: listening.signal })) events.push(event)
    })()
    await Promise.all(
      ways.map(speculation =>
        run({ messages: [{ role: 'user', content: texts[0]! }], temperature: 0.8, seed: 7, speculation }),
      ),
    )
    listening.abort()
    await expect(heard).rejects.toMatchObject({ code: 'aborted' })
    const told = events.flatMap(({ requests }) => requests)
    for (const method of ['draft', 'draft-2', 'heads']) {
      const drafts = told.filter(each => each.method === method)
      expect(drafts.length, method).toBeGreaterThan(5)
      for (const { depth, margins } of drafts) {
        expect(margins).toHaveLength(depth)
        for (const margin of margins!) expect(margin).toSatisfy((m: number) => m >= 0 && m < 100)
      }
      // Each is of its own draft: what another step left would come again.
      const first = drafts.map(({ id, margins }) => `${id}: ${margins![0]}`)
      expect(new Set(first).size, method).toBe(first.length)
    }
    for (const { method, margins } of told)
      if (/tree|off|lookup|cache/.test(method)) expect(margins).toBeUndefined()
    // What is accepted is what the draft was surer of.
    const tiny = told.filter(({ method }) => method === 'draft-2')
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    const accepted = tiny.flatMap(({ margins, accepted }) => margins!.slice(0, accepted))
    const refused = tiny.flatMap(({ margins, accepted }) => margins!.slice(accepted, accepted + 1))
    expect(mean(accepted)).toBeGreaterThan(mean(refused))
  })

  it('that are not asked cost nothing: no dispatch, no draft pass', async () => {
    const plain = await Engine.load(
      { model: family.target.q8_0, contextLength: 512 },
      { deviceProfile: smallKernels, skipCalibration: true, device: await sharedDevice() },
    )
    const request = { prompt: 'Once there was a fox', speculation: 'off', ignoreEos: true } as const
    const dispatches: number[] = []
    for (const each of [plain, engine]) {
      const { num_dispatches, num_steps } = each.stats()
      for await (const _ of each.generate({ ...request, maxTokens: 8 }));
      const after = each.stats()
      dispatches.push((after.num_dispatches - num_dispatches) / (after.num_steps - num_steps))
    }
    expect(dispatches[1]).toBe(dispatches[0])
    await plain.dispose()
  })

  it('forget the n-gram cache when they are told to', async () => {
    expect(engine.stats().numCachedNgrams).toBeGreaterThan(0)
    await engine.clearNgramCache()
    expect(engine.stats().numCachedNgrams).toBe(0)
  })
})
