/** Drafts whose vocabulary is not the target's: the ids of speculation off, and guesses that are right all the same. */
import { Engine, type GenerateOptions, type Speculation, sharedDevice } from '@foretoken/engine'
import { stories40K } from '@foretoken/tiny-models/family'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { takeApart } from './bad-input/odd-model'
import { filledUp, reordered } from './foreign-draft'
import { smallKernels } from './small-kernels'

const numTokens = 512
const inOrder = Array.from({ length: numTokens }, (_, id) => id)
const shuffled = [...inOrder].sort((a, b) => ((a * 197 + 5) % 509) - ((b * 197 + 5) % 509))
/** Without every fifth token that is no byte. */
const fewer = shuffled.filter(id => id < 260 || id % 5 > 0)

describe('a draft that is the model itself', () => {
  let engine: Engine

  beforeAll(async () => {
    const parts = await takeApart(new Uint8Array(await (await fetch(stories40K)).arrayBuffer()))
    engine = await Engine.load(
      {
        model: stories40K,
        draft: [reordered(parts, shuffled), filledUp(parts, 530), reordered(parts, fewer)].map(
          bytes => new Blob([bytes]),
        ),
        trees: true,
        verificationDepth: 4,
        contextLength: 192,
      },
      { deviceProfile: smallKernels, skipCalibration: true, device: await sharedDevice() },
    )
  }, 120_000)

  afterAll(() => engine.dispose())

  const request = { prompt: 'Once upon a time, there was a', maxTokens: 60, ignoreEos: true, seed: 3 }

  async function run(options: GenerateOptions) {
    const ids: number[] = []
    let drafted = 0
    let accepted = 0
    for await (const { tokens, usage } of engine.generate({ ...request, ...options })) {
      ids.push(...tokens)
      accepted += usage?.acceptedTokens ?? 0
      drafted += usage ? usage.acceptedTokens + usage.rejectedTokens : 0
    }
    return { ids, drafted, accepted }
  }

  const draft = (index: number): Speculation => ({ method: 'draft', depth: 4, draft: index })

  it('tells what both have in common', () => {
    const [permuted, padded, lacking] = engine.stats().drafts.map(({ vocabulary }) => vocabulary)
    expect(permuted).toMatchObject({ sameIds: false, share: 1 })
    expect(padded).toMatchObject({ sameIds: true, share: 1, commonTokens: permuted!.commonTokens })
    expect(lacking).toMatchObject({ sameIds: false, share: 1 })
    expect(lacking!.commonTokens).toBe(permuted!.commonTokens - (numTokens - fewer.length))
  })

  it.each([
    { temperature: 0 },
    { temperature: 0.8, topP: 0.9, topK: 60, repetitionPenalty: 1.2, logitBias: { 300: 2 } },
  ])('is right every time in another order or with more rows: %o', async sampling => {
    const { ids } = await run({ ...sampling, speculation: 'off' })
    for (const index of [0, 1]) {
      const drafted = await run({ ...sampling, speculation: draft(index) })
      expect(drafted.ids).toEqual(ids)
      expect(drafted.accepted).toBe(drafted.drafted)
      expect(drafted.accepted).toBeGreaterThan(40)
    }
  })

  it('is right wherever the token is one that it has', async () => {
    const sampling = { temperature: 0.8 }
    const { ids } = await run({ ...sampling, speculation: 'off' })
    expect(ids.some(id => !fewer.includes(id))).toBe(true)
    const drafted = await run({ ...sampling, speculation: draft(2) })
    expect(drafted.ids).toEqual(ids)
    expect(drafted.accepted).toBeGreaterThan(20)
    expect(drafted.accepted).toBeLessThan(drafted.drafted)
  })

  it('grows trees', async () => {
    const sampling = { temperature: 0.8 }
    const speculation = { method: 'tree', from: 'draft', depth: 12 } as const
    const grown = await run({ ...sampling, speculation })
    expect(grown.ids).toEqual((await run({ ...sampling, speculation: 'off' })).ids)
    expect(grown.accepted).toBeGreaterThan(30)
  })

  it('is judged by the same probabilities, whatever the order', async () => {
    for (const verification of ['rejection', 'block'] as const) {
      const [permuted, padded, lacking] = await Promise.all(
        [0, 1, 2].map(index => run({ temperature: 0.9, verification, speculation: draft(index) })),
      )
      expect(permuted).toEqual(padded)
      // p / q is 1 but for rounding.
      expect(permuted!.accepted).toBeGreaterThan(0.95 * permuted!.drafted)
      expect(lacking!.accepted).toBeGreaterThan(10)
      expect(lacking!.accepted).toBeLessThan(lacking!.drafted)
    }
  })
})
