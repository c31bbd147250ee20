/** Parity of every architecture with transformers: fixtures/make-architectures.py. */
import { expect, it } from 'vitest'
import { smallKernels } from '../../../e2e/small-kernels'
import { logitsEvery, models } from '../fixtures/architectures.json'
import gemma2 from '../fixtures/gemma-2.gguf?url'
import gemma3 from '../fixtures/gemma-3.gguf?url'
import llama from '../fixtures/llama-3.2.gguf?url'
import mistral from '../fixtures/mistral.gguf?url'
import phi3 from '../fixtures/phi-3.gguf?url'
import phi4 from '../fixtures/phi-4-mini.gguf?url'
import qwen2 from '../fixtures/qwen2.5.gguf?url'
import qwen3 from '../fixtures/qwen3.gguf?url'
import smollm3 from '../fixtures/smollm3.gguf?url'
import { Engine, sharedDevice } from './index'
import type { EngineOptions, GenerateOptions, Speculation } from './types'

const files = {
  'llama-3.2': llama,
  mistral,
  'phi-3': phi3,
  'phi-4-mini': phi4,
  'qwen2.5': qwen2,
  'gemma-2': gemma2,
  'gemma-3': gemma3,
  qwen3,
  smollm3,
}
const names = Object.keys(files) as Array<keyof typeof files>

const drafters: Speculation[] = [
  { method: 'lookup', depth: 3 },
  { method: 'draft', depth: 5 },
  { method: 'tree', depth: 7, from: 'lookup' },
]

const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)
const internals = { skipCalibration: true, deviceProfile: smallKernels, device: await sharedDevice() }
const load = (options: EngineOptions) =>
  Engine.load({ ...options, kvType: 'f32', contextLength: 128 }, internals)

async function idsOf(engine: Engine, name: keyof typeof files, options: GenerateOptions): Promise<number[]> {
  const { prompt, greedy } = models[name]
  const ids: number[] = []
  const shared = { tokens: prompt, maxTokens: greedy.length, ignoreEos: true }
  for await (const { tokens } of engine.generate({ ...shared, ...options })) ids.push(...tokens)
  return ids
}

/** All tokens, and their logits, once these and the greedy ids are found to be those of transformers. */
async function parity(engine: Engine, name: keyof typeof files) {
  const { prompt, greedy, logits: expected } = models[name]
  const tokens = [...prompt, ...greedy.slice(0, -1)]
  const { logits, vocab } = await engine.forward(tokens)
  const errors = expected.flatMap((row, i) =>
    row.map((value, id) => Math.abs(value - logits[i * logitsEvery * vocab + id]!)),
  )
  expect(errors).toHaveLength(Math.ceil(tokens.length / logitsEvery) * vocab)
  expect(Math.max(...errors)).toBeLessThan(1e-3)
  expect(await idsOf(engine, name, { speculation: 'off' })).toEqual(greedy)
  return { tokens, logits, vocab }
}

it.each(names)(
  '%s has the logits and the greedy ids of transformers, at any number of rows, whoever drafts',
  async name => {
    const model = new URL(files[name], location.href)
    const engine = await load({ model, draft: model, trees: true })
    const { tokens, logits, vocab } = await parity(engine, name)
    // Side by side, each with a drafter of its own.
    const options = { temperature: 0.8, seed: 7 }
    const alone = await idsOf(engine, name, { ...options, speculation: 'off' })
    const drafted = drafters.map(speculation => idsOf(engine, name, { ...options, speculation }))
    expect(await Promise.all(drafted)).toEqual(drafters.map(() => alone))
    // A row of its own has the bits that it has among others.
    for (const length of [1, 13, tokens.length - 1]) {
      const shorter = await engine.forward(tokens.slice(0, length))
      expect(bits(shorter.logits)).toEqual(bits(logits.subarray(0, length * vocab)))
    }
    engine.dispose()
  },
)

// Of the others open-model-files.test.ts compares the tensors, byte by byte.
it('a Hugging Face folder has them too', async () => {
  const engine = await load({ model: new URL(gemma3.replace(/\.gguf.*$/, '/'), location.href) })
  await parity(engine, 'gemma-3')
  engine.dispose()
})
