/** Parity of every architecture with transformers: fixtures/make-architectures.py. */
import { expect, it } from 'vitest'
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
import { Engine } from './index'
import type { GenerateOptions, Speculation } from './types'

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

/** Of the same weights: a Hugging Face folder by its address. */
const folderOf = (file: URL) => new URL(file.href.replace(/\.gguf.*$/, '/'))

const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)

it.each(names)(
  '%s has the logits and the greedy ids of transformers, at any number of rows, whoever drafts, from either kind of file',
  async name => {
    const model = new URL(files[name], location.href)
    const engine = await Engine.load({ model, draft: model, trees: true, kvType: 'f32', contextLength: 128 })
    const { prompt, greedy, logits: expected } = models[name]
    const all = [...prompt, ...greedy.slice(0, -1)]
    const { logits, vocab } = await engine.forward(all)
    const errors = expected.flatMap((row, i) =>
      row.map((value, id) => Math.abs(value - logits[i * logitsEvery * vocab + id]!)),
    )
    expect(errors).toHaveLength(Math.ceil(all.length / logitsEvery) * vocab)
    expect(Math.max(...errors)).toBeLessThan(1e-3)

    const ids = async (options: GenerateOptions, from = engine) => {
      const all: number[] = []
      const shared = { tokens: prompt, maxTokens: greedy.length, ignoreEos: true }
      for await (const { tokens } of from.generate({ ...shared, ...options })) all.push(...tokens)
      return all
    }
    expect(await ids({ speculation: 'off' })).toEqual(greedy)
    // Side by side, each with a drafter of its own.
    for (const temperature of [0, 0.8]) {
      const alone = await ids({ temperature, seed: 7, speculation: 'off' })
      const drafted = drafters.map(speculation => ids({ temperature, seed: 7, speculation }))
      expect(await Promise.all(drafted)).toEqual(drafters.map(() => alone))
    }

    // A row of its own has the bits that it has among others.
    for (const length of [1, 13, all.length - 1]) {
      const shorter = await engine.forward(all.slice(0, length))
      expect(bits(shorter.logits)).toEqual(bits(logits.subarray(0, length * vocab)))
    }
    engine.dispose()

    const options = { model: folderOf(model), kvType: 'f32', contextLength: 128 } as const
    const folder = await Engine.load(options, { skipCalibration: true })
    // No farther from transformers than the GGUF file.
    expect(bits((await folder.forward(all)).logits)).toEqual(bits(logits))
    expect(await ids({ speculation: 'off' }, folder)).toEqual(greedy)
    folder.dispose()
  },
)
