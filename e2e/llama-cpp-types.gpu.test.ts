/** Every quantised type end to end beside llama.cpp; skipped by name without it: the README's Development says how to bring it. */
import { Engine, sharedDevice } from '@foretoken/engine'
import { describe, expect, it } from 'vitest'
import { commands } from 'vitest/browser'
import { type BlockType, withRandomBlocks } from './bench/random-blocks'
import { randomModel } from './bench/random-model'
import { base64 } from './cross-check/base64'
import { smallKernels } from './small-kernels'

const { llamaCpp } = await commands.crossCheckTools()
const types: BlockType[] = ['q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k']
const shape = { vocab: 300, dim: 256, layers: 2, heads: 4, kvHeads: 2, ffn: 256, context: 256, tied: false }
const tokens = [1, ...Array.from({ length: 39 }, (_, i) => 3 + ((i * i * 7) % (shape.vocab - 3)))]

function softmax(logits: Float32Array): number[] {
  const top = Math.max(...logits)
  const powers = Array.from(logits, logit => Math.exp(logit - top))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map(power => power / sum)
}

describe.skipIf(!llamaCpp)('llama.cpp (needs FORETOKEN_LLAMA_CPP)', () => {
  // It quantises activations too.
  it.each(types)('gives the same probabilities within 0.02: %s', { timeout: 120_000 }, async type => {
    const model = await withRandomBlocks(randomModel(1, shape), 2, () => type)
    const theirs = await commands.llamaCppProbabilities(await base64(model), tokens)
    const internals = { skipCalibration: true, deviceProfile: smallKernels, device: await sharedDevice() }
    const engine = await Engine.load({ model, kvType: 'f32' }, internals)
    const { logits, vocab } = await engine.forward(tokens)
    await engine.dispose()
    let worst = 0
    for (const [i, found] of theirs!.entries()) {
      const ours = softmax(logits.subarray(i * vocab, (i + 1) * vocab))
      expect(found).toHaveLength(vocab)
      for (const [id, probability] of found) worst = Math.max(worst, Math.abs(probability - ours[id]!))
    }
    expect(worst).toBeLessThan(0.02)
  })
})
