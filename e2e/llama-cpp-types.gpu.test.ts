/** Every quantised type end to end beside llama.cpp; skipped by name without it: the README's Development says how to bring it. */
import { Engine, sharedDevice } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import { GgufReader } from '@foretoken/weights'
import { describe, expect, it } from 'vitest'
import { commands } from 'vitest/browser'
import { logProbs } from './bench/accuracy'
import { type BlockType, withRandomBlocks } from './bench/random-blocks'
import { randomModel } from './bench/random-model'
import { base64 } from './cross-check/base64'
import { llamaCppFile } from './cross-check/llama-cpp-file'
import { smallKernels } from './small-kernels'

const { llamaCpp } = await commands.crossCheckTools()
const types: BlockType[] = ['q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k']
/** Vocabulary and tokenizer of the bundled model: llama.cpp takes no other that is made up. */
const shape = { vocab: 2048, dim: 256, layers: 2, heads: 4, kvHeads: 2, ffn: 256, context: 256, tied: false }
const tokens = Array.from({ length: 40 }, (_, i) => 300 + ((i * i * 37) % 1700))

describe.skipIf(!llamaCpp)('llama.cpp (needs FORETOKEN_LLAMA_CPP)', () => {
  // It quantises activations too, for K types by one scale for 256 of them: up to 0.016, 0.038 (q4_k), 0.075 (q5_k).
  // Half of all differences: what a draw would differ by. That the weights are the same, to the bit: row-values.test.ts.
  it.each(types)('gives the same distributions within 0.1: %s', { timeout: 120_000 }, async type => {
    const model = await withRandomBlocks(randomModel(1, shape), 2, () => type)
    const { metadata } = await GgufReader.open(family.target.q8_0)
    const file = await base64(await llamaCppFile(model, { tokenizer: metadata }))
    const theirs = await commands.llamaCppProbabilities(file, tokens)
    const internals = { skipCalibration: true, deviceProfile: smallKernels, device: await sharedDevice() }
    const engine = await Engine.load({ model, kvType: 'f32' }, internals)
    const ours = await logProbs(engine, tokens)
    await engine.dispose()
    const distances = theirs!.map((found, i) => {
      expect(found).toHaveLength(shape.vocab)
      return found.reduce((sum, [id, p]) => sum + Math.abs(p - Math.exp(ours[i]![id]!)), 0) / 2
    })
    expect(Math.max(...distances)).toBeLessThan(0.1)
  })
})
