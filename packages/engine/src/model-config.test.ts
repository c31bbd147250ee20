import { describe, expect, it } from 'vitest'
import { readModelConfig } from './model-config'

const valid: Array<[string, string | number]> = [
  ['general.architecture', 'llama'],
  ['llama.block_count', 2],
  ['llama.embedding_length', 64],
  ['llama.attention.head_count', 4],
  ['llama.attention.head_count_kv', 2],
  ['llama.feed_forward_length', 100],
  ['llama.context_length', 256],
  ['llama.vocab_size', 300],
  ['llama.attention.layer_norm_rms_epsilon', 1e-5],
]

const read = (key?: string, value?: string | number) => {
  const metadata = new Map(valid)
  if (key && value === undefined) metadata.delete(key)
  else if (key && value !== undefined) metadata.set(key, value)
  return readModelConfig(metadata)
}

describe('the shape of a model', () => {
  it('is read, with the defaults of the format', () => {
    expect(read()).toEqual({
      architecture: 'llama',
      layers: 2,
      dim: 64,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      ffn: 100,
      vocab: 300,
      context: 256,
      normEpsilon: 1e-5,
      attentionScale: 1 / 4,
      rope: { dim: 16, base: 10000, neox: false },
    })
  })

  it('names the architectures there are where it refuses another', () => {
    const supported = ['llama', 'qwen2', 'qwen3', 'smollm3', 'phi3', 'gemma2', 'gemma3']
    expect(() => read('general.architecture', 'falcon')).toThrowError(
      expect.objectContaining({
        message: `Architecture "falcon" is not supported. Supported: ${supported.join(', ')}.`,
        details: { key: 'general.architecture', found: 'falcon', expected: supported },
      }),
    )
  })

  it('has a sliding window where the file tells one', () => {
    expect(read('llama.attention.sliding_window', 100).window).toBe(100)
    expect(read('llama.attention.sliding_window', 0).window).toBeUndefined()
  })

  it('scales RoPE linearly and refuses what it does not know', () => {
    const scaled = (type: string) =>
      readModelConfig(
        new Map([...valid, ['llama.rope.scaling.type', type], ['llama.rope.scaling.factor', 8]]),
      ).rope
    expect(scaled('linear')).toMatchObject({ scale: 8 })
    expect(scaled('none')).not.toHaveProperty('scale')
    expect(read('llama.rope.scaling.factor', 8).rope).toMatchObject({ scale: 8 })
  })

  it('has the scale of scores that a Gemma’s file does not tell', () => {
    const gemma = (layers: number, more: Array<[string, number]> = []) =>
      readModelConfig(
        new Map([
          ...valid.map(([key, value]): [string, string | number] => [
            key.replace('llama.', 'gemma3.'),
            value,
          ]),
          ['general.architecture', 'gemma3'],
          ['gemma3.attention.key_length', 32],
          ['gemma3.block_count', layers],
          ...more,
        ]),
      )
    expect(gemma(26)).toMatchObject({ attentionScale: 1 / Math.sqrt(32), globalEvery: 6 })
    expect(gemma(26).rope).toMatchObject({ localBase: 10_000 })
    expect(gemma(62).attentionScale).toBe(1 / Math.sqrt(64 / 4))
    const told: Array<[string, number]> = [
      ['gemma3.attention.scale', 0.5],
      ['gemma3.attention.sliding_window_pattern', 4],
      ['gemma3.rope.freq_base_swa', 500],
    ]
    const all = { attentionScale: 0.5, globalEvery: 4, rope: { localBase: 500 } }
    expect(gemma(62, told)).toMatchObject(all)
  })

  it('has heads as wide as the file says, in an architecture of its own prefix', () => {
    const qwen3 = new Map<string, string | number>(
      valid.map(([key, value]) => [key.replace('llama.', 'qwen3.'), value]),
    )
    qwen3.set('general.architecture', 'qwen3').set('qwen3.attention.key_length', 32)
    expect(readModelConfig(qwen3)).toMatchObject({ headDim: 32, rope: { dim: 32, neox: true } })
  })

  it.each([
    ['general.architecture', 'gpt2'],
    ['general.architecture', undefined],
    ['general.architecture', 'toString'],
    ['llama.block_count', undefined],
    ['llama.block_count', 0],
    ['llama.block_count', 2.5],
    ['llama.block_count', 1e6],
    ['llama.embedding_length', 'many'],
    ['llama.embedding_length', 63],
    ['llama.attention.head_count', -4],
    ['llama.attention.head_count_kv', 3],
    ['llama.attention.key_length', 15],
    ['llama.attention.sliding_window', 2.5],
    ['llama.attention.sliding_window_pattern', 2.5],
    ['llama.rope.dimension_count', 18],
    ['llama.rope.scaling.type', 'yarn'],
    ['llama.context_length', Number.NaN],
    ['llama.attention.layer_norm_rms_epsilon', Number.POSITIVE_INFINITY],
  ])('refuses %s = %s with its name', (key, value) => {
    expect(() => read(key, value)).toThrowError(
      expect.objectContaining({
        code: 'bad-model',
        details: expect.objectContaining({ key: expect.any(String) }),
      }),
    )
  })
})
