/** What config.json files of the Hub mean: with the keys that these leave out, in the older style and the newer one. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isLastOf } from './architectures'
import { folderMetadata } from './folder-metadata'
import { readModelConfig } from './model-config'

type Json = Readonly<Record<string, unknown>>

function read(config: Json) {
  const others = { tokenizerConfig: undefined, generationConfig: {}, chatTemplate: undefined }
  const { metadata, ropeFactors } = folderMetadata('a', { config, tokenizer: '', ...others })
  return { ...readModelConfig(metadata), ropeFactors }
}

const shape = {
  vocab_size: 1000,
  hidden_size: 2048,
  intermediate_size: 4096,
  num_hidden_layers: 12,
  num_attention_heads: 16,
  num_key_value_heads: 4,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
}
const mistral = { ...shape, model_type: 'mistral' }
const qwen2 = { ...shape, model_type: 'qwen2', sliding_window: 4096 }
const phi3 = { ...shape, model_type: 'phi3', hidden_size: 96, num_attention_heads: 4, sliding_window: 2047 }
const gemma2 = { ...shape, model_type: 'gemma2' }
const gemma3 = { ...shape, model_type: 'gemma3_text', rope_theta: undefined }
/** Gemma 3 4B's says no more. */
const gemma3Whole = {
  model_type: 'gemma3',
  eos_token_id: [1, 106],
  text_config: {
    hidden_size: 2560,
    intermediate_size: 10240,
    model_type: 'gemma3_text',
    num_hidden_layers: 34,
    rope_scaling: { factor: 8, rope_type: 'linear' },
    sliding_window: 1024,
  },
}
const [short, long] = [
  Array.from({ length: 12 }, (_, i) => 1 + i / 8),
  Array.from({ length: 12 }, (_, i) => i + 1),
]
const longRope = { short_factor: short, long_factor: long }
const pattern = (every: number) =>
  Array.from({ length: 12 }, (_, i) => ((i + 1) % every === 0 ? 'full_attention' : 'sliding_attention'))

describe('config.json', () => {
  it.each<[string, Json, object]>([
    ['Mistral with its window', { ...mistral, sliding_window: 4096 }, { window: 4096, context: 32768 }],
    ['Mistral that does not say', mistral, { window: 4096 }],
    ['Mistral without', { ...mistral, sliding_window: null }, { window: undefined }],
    [
      'Llama, whose class knows none',
      { ...shape, model_type: 'llama', sliding_window: 8 },
      { window: undefined },
    ],
    [
      'Qwen2 that has its window off',
      { ...qwen2, use_sliding_window: false, max_window_layers: 4 },
      { window: undefined },
    ],
    [
      'Qwen2 whose layers all come before',
      { ...qwen2, use_sliding_window: true, max_window_layers: 12 },
      { window: undefined },
    ],
    [
      'Qwen2 with windows in all',
      { ...qwen2, use_sliding_window: true, max_window_layers: 0 },
      { window: 4096, globalEvery: undefined },
    ],
    ['Phi-3 4K', phi3, { window: 2047, headDim: 24, ropeFactors: {} }],
    [
      'Phi-3 128K, older',
      { ...phi3, original_max_position_embeddings: 4096, rope_scaling: { type: 'su', ...longRope } },
      {
        // (1 + log 8 / log 4096) ^ 0.5
        rope: {
          dim: 24,
          base: 10000,
          neox: true,
          magnitude: Math.fround(Math.sqrt(1.25)),
          originalContext: 4096,
        },
        ropeFactors: {
          'rope_factors_short.weight': Float32Array.from(short),
          'rope_factors_long.weight': Float32Array.from(long),
        },
      },
    ],
    [
      'LongRoPE that tells its magnitude, on three quarters of a head',
      {
        ...phi3,
        partial_rotary_factor: 0.75,
        rope_scaling: {
          type: 'longrope',
          short_factor: short.slice(3),
          long_factor: long.slice(3),
          attention_factor: 1.5,
        },
      },
      { rope: { dim: 18, base: 10000, neox: true, magnitude: 1.5, originalContext: 4096 } },
    ],
    [
      'Gemma 2 that leaves all to its class',
      gemma2,
      { headDim: 256, window: 4096, globalEvery: 2, scoreCap: 50, logitCap: 30, attentionScale: 1 / 16 },
    ],
    [
      'Gemma 2 27B',
      { ...gemma2, head_dim: 128, query_pre_attn_scalar: 144, attn_logit_softcapping: null },
      { attentionScale: 1 / 12, scoreCap: undefined, logitCap: 30 },
    ],
    [
      'Gemma 3 4B',
      gemma3Whole,
      {
        heads: 8,
        kvHeads: 4,
        headDim: 256,
        vocab: 262208,
        context: 131072,
        window: 1024,
        globalEvery: 6,
        attentionScale: 1 / 16,
        logitCap: undefined,
        rope: { dim: 256, base: 1e6, localBase: 1e4, neox: true, scale: 8 },
      },
    ],
    [
      'Gemma 3, older',
      {
        ...gemma3,
        rope_theta: 5e5,
        rope_local_base_freq: 2e4,
        rope_scaling: null,
        sliding_window_pattern: 4,
      },
      { globalEvery: 4, rope: { dim: 256, base: 5e5, localBase: 2e4, neox: true } },
    ],
    [
      'Gemma 3, newer',
      {
        ...gemma3,
        layer_types: pattern(4),
        rope_parameters: {
          full_attention: { rope_type: 'linear', factor: 8, rope_theta: 5e5 },
          sliding_attention: { rope_type: 'default', rope_theta: 2e4 },
        },
      },
      { globalEvery: 4, rope: { dim: 256, base: 5e5, localBase: 2e4, neox: true, scale: 8 } },
    ],
    [
      'Gemma 3 without windows',
      { ...gemma3, sliding_window_pattern: 1 },
      { globalEvery: 1, window: undefined },
    ],
  ])('of %s', (_, config, expected) => {
    const found: Json = read(config)
    expect(Object.fromEntries(Object.keys(expected).map(key => [key, found[key]]))).toEqual(expected)
  })

  it('gives each layer the window that layer_types gives it, or is refused', () => {
    const type = fc.constantFrom('full_attention', 'sliding_attention')
    const base = fc.constantFrom<Json>(gemma2, gemma3, { ...qwen2, use_sliding_window: true })
    const lists = fc.oneof(
      fc.array(type, { minLength: 12, maxLength: 12 }),
      fc.integer({ min: 1, max: 13 }).map(pattern),
    )
    fc.assert(
      fc.property(base, lists, (config, layer_types) => {
        const isPattern = Array.from({ length: 13 }, (_, i) => pattern(i + 1)).some(
          each => String(each) === String(layer_types),
        )
        if (!isPattern) {
          expect(() => read({ ...config, layer_types })).toThrow('"layer_types" is')
          return
        }
        const { window = 0, globalEvery } = read({ ...config, layer_types })
        const types = layer_types.map((_, i) => window > 0 && !isLastOf(i, globalEvery))
        expect(types).toEqual(layer_types.map(each => each === 'sliding_attention'))
      }),
    )
  })

  it('is read or refused, whatever stands where', () => {
    const whole = { ...gemma3Whole, ...gemma3Whole.text_config }
    const bases = [
      mistral,
      qwen2,
      { ...phi3, rope_scaling: { type: 'su', ...longRope } },
      gemma2,
      gemma3,
      whole,
    ]
    const keys = [...new Set([...bases.flatMap(Object.keys), 'layer_types', 'head_dim', 'rope_parameters'])]
    const rope = fc.record({
      rope_type: fc.constantFrom('linear', 'longrope', 'llama3'),
      factor: fc.jsonValue(),
    })
    const value = fc.oneof(fc.jsonValue(), rope, fc.record({ full_attention: rope, sliding_attention: rope }))
    fc.assert(
      fc.property(fc.constantFrom<Json>(...bases), fc.constantFrom(...keys), value, (base, key, found) => {
        try {
          read({ ...base, [key]: found })
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-model' })
        }
      }),
      { numRuns: 2000 },
    )
  })

  it.each<[string, Json, object]>([
    [
      'layers that alternate otherwise',
      { ...gemma3, layer_types: [...pattern(4).slice(1), 'full_attention'] },
      { key: 'layer_types' },
    ],
    [
      'layers of another kind',
      { ...gemma2, layer_types: Array(12).fill('chunked_attention') },
      { key: 'layer_types' },
    ],
    [
      'too few layer types',
      { ...gemma2, layer_types: pattern(2).slice(2) },
      { key: 'layer_types', expected: 'one for each of 12 layers' },
    ],
    [
      'windows that nobody tells',
      { ...qwen2, layer_types: pattern(2) },
      { key: 'layer_types', expected: 'full_attention, as there is no window' },
    ],
    ['windows of no size', { ...gemma2, sliding_window: null }, { key: 'sliding_window', found: null }],
    [
      'windows from some layer on',
      { ...qwen2, use_sliding_window: true, max_window_layers: 4 },
      { key: 'max_window_layers', found: 4, expected: [0, 12] },
    ],
    [
      'windows in SmolLM3',
      { ...shape, model_type: 'smollm3', use_sliding_window: true },
      { key: 'use_sliding_window', found: true, expected: false },
    ],
    [
      'another activation of Gemma',
      { ...gemma2, hidden_activation: 'gelu' },
      { key: 'hidden_activation', found: 'gelu', expected: 'gelu_pytorch_tanh' },
    ],
    [
      'attention to what comes after',
      { ...gemma3, use_bidirectional_attention: true },
      { key: 'use_bidirectional_attention', found: true },
    ],
    [
      'too few factors of RoPE',
      { ...phi3, rope_scaling: { type: 'longrope', ...longRope, long_factor: [1, 2] } },
      { key: 'rope_scaling.long_factor', found: [1, 2], expected: '12 positive numbers' },
    ],
    [
      'factors that are none',
      { ...phi3, rope_scaling: { type: 'su', ...longRope, short_factor: [...short.slice(1), 0] } },
      { key: 'rope_scaling.short_factor' },
    ],
    [
      'RoPE of layers with a window scaled',
      {
        ...gemma3,
        rope_parameters: { full_attention: {}, sliding_attention: { rope_type: 'linear', factor: 2 } },
      },
      { key: 'rope_parameters.sliding_attention.rope_type', found: 'linear', expected: 'default' },
    ],
    [
      'a RoPE of their own in Gemma 2',
      { ...gemma2, rope_parameters: { full_attention: {}, sliding_attention: {} } },
      { key: 'rope_parameters.sliding_attention' },
    ],
    ['no text', { ...gemma3Whole, text_config: null }, { key: 'hidden_size', found: null }],
  ])('is refused with %s', (_, config, details) => {
    let error: unknown
    try {
      read(config)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'bad-model', details: { file: 'config.json', ...details } })
  })
})
