/** Models whose sizes fit no tile: speculation still changes no id. Needs no file. */
import { Engine, type GenerateOptions, type Speculation, sharedDevice } from '@foretoken/engine'
import { expect, it } from 'vitest'
import { type RandomModelShape, randomModel } from './bench/random-model'
import { smallKernels } from './small-kernels'

const shapes: Array<Partial<RandomModelShape>> = [
  { vocab: 1000, dim: 96, layers: 2, heads: 3, kvHeads: 1, ffn: 100, context: 300 },
  { vocab: 77, dim: 40, layers: 3, heads: 4, kvHeads: 2, ffn: 33, context: 150 },
]

const ways: Speculation[] = [{ method: 'lookup', depth: 4 }, { method: 'draft', depth: 3 }, 'auto']

const internals = { skipCalibration: true, deviceProfile: smallKernels, device: await sharedDevice() }

it.each(shapes)('%o', async shape => {
  const vocab = shape.vocab!
  // The same weights with other words in front: a draft that is often right, and one that never is.
  for (const draftSeed of [1, 2]) {
    const draft = randomModel(draftSeed, { ...shape, context: 256 })
    const models = { model: randomModel(1, shape), draft, maxConcurrent: 3 }
    const engine = await Engine.load(models, internals)
    const tokens = Array.from({ length: 70 }, (_, i) => (i * i) % vocab)
    for (const [temperature, frequencyPenalty] of [
      [0, 0],
      [1.1, 0],
      [1.1, 0.7],
    ] as const) {
      const request = {
        tokens,
        temperature,
        frequencyPenalty,
        seed: 7,
        maxTokens: 60,
        ignoreEos: true,
        topK: 40,
        topP: 0.95,
        minP: 0.01,
      }
      const expected = await generate(engine, { ...request, speculation: 'off' })
      expect(expected).toHaveLength(60)
      const together = await Promise.all(
        ways.map(speculation => generate(engine, { ...request, speculation })),
      )
      for (const ids of together) expect(ids).toEqual(expected)
    }
    if (draftSeed === 1) expect(engine.stats().byMethod.draft.num_accepted_tokens).toBeGreaterThan(0)
    await engine.dispose()
  }
})

async function generate(engine: Engine, options: GenerateOptions): Promise<number[]> {
  const ids: number[] = []
  for await (const { tokens } of engine.generate(options)) ids.push(...tokens)
  return ids
}
