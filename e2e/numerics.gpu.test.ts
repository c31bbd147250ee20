/** `numerics: 'fast'` through the whole stack: promise 1 holds within it, and the model stays the model. */
import { Engine, hasIntegerProducts, sharedDevice } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import { describe, expect, it } from 'vitest'
import { best, divergence, logProbs, mean, perplexity } from './bench/accuracy'
import { type BlockType, withRandomBlocks } from './bench/random-blocks'
import { randomModel } from './bench/random-model'
import { answer, tasksOf } from './bench/workloads'
import { smallKernels } from './small-kernels'

const device = await sharedDevice()
const internals = { skipCalibration: true, trustFast: true, deviceProfile: smallKernels, device }

describe.skipIf(!hasIntegerProducts())('fast numerics (need WGSL with products of int8)', () => {
  it('change no id by speculation, and little by themselves', { timeout: 300_000 }, async () => {
    const engine = await Engine.load({ model: family.target.q8_0, numerics: 'fast' }, internals)
    const { numerics, selfCheck } = engine.stats()
    expect(numerics).toEqual({ used: 'fast', reason: 'asked' })
    expect(selfCheck.tilesRefused).toEqual([])
    for (const temperature of [0, 0.8]) {
      const request = { prompt: tasksOf('edit')[0]!, temperature, seed: 5, maxTokens: 48, ignoreEos: true }
      const expected = await answer(engine, { ...request, speculation: 'off' })
      expect(expected).toHaveLength(48)
      const speculation = { method: 'lookup', depth: 4 } as const
      expect(await answer(engine, { ...request, speculation })).toEqual(expected)
    }
    expect(engine.stats().num_accepted_tokens).toBeGreaterThan(0)

    const tokens = engine.tokenize(tasksOf('edit').join('\n')).slice(0, 200)
    const fast = await logProbs(engine, tokens)
    await engine.dispose()
    const plain = await Engine.load({ model: family.target.q8_0 }, internals)
    const exact = await logProbs(plain, tokens)
    await plain.dispose()
    const kl = mean(exact.map((at, i) => divergence(at, fast[i]!)))
    expect(kl).toBeLessThan(1e-3)
    expect(kl).toBeGreaterThan(0)
    expect(perplexity(fast, tokens) / perplexity(exact, tokens)).toBeCloseTo(1, 2)
    expect(mean(exact.map((at, i) => Number(best(at) === best(fast[i]!))))).toBeGreaterThan(0.97)
  })

  it('take matrices of every type of blocks, and leave others as they are', {
    timeout: 300_000,
  }, async () => {
    const shape = { vocab: 300, dim: 256, layers: 3, heads: 4, kvHeads: 2, ffn: 256, context: 256 }
    const types: ReadonlyArray<readonly [RegExp, BlockType]> = [
      [/^token_embd|^output\.|^blk\.0\.(attn_v|ffn_down)/, 'q6_k'],
      [/^blk\.0\./, 'q4_k'],
      [/^blk\.1\.attn_[qkv]/, 'q5_k'],
      [/^blk\.1\./, 'q4_1'],
      [/^blk\.2\.attn_/, 'q5_0'],
      [/^blk\.2\./, 'q5_1'],
    ]
    const typeOf = (name: string) => types.find(([pattern]) => pattern.test(name))![1]
    const model = await withRandomBlocks(randomModel(1, shape), 2, typeOf)
    const tokens = Array.from({ length: 40 }, (_, i) => (i * i * 7) % shape.vocab)
    const logitsOf = async (numerics: 'exact' | 'fast') => {
      const engine = await Engine.load({ model, numerics, maxConcurrent: 1 }, internals)
      const { logits } = await engine.forward(tokens)
      expect(engine.stats().selfCheck.tilesRefused).toEqual([])
      await engine.dispose()
      return logits.slice()
    }
    const exact = await logitsOf('exact')
    const fast = await logitsOf('fast')
    const error = rms(fast.map((logit, i) => logit - exact[i]!)) / rms(exact)
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(0.05)
  })
})

const rms = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
