/** The shape of a model, read from its metadata and checked. */
import { EngineError } from '@foretoken/errors'
import type { Metadata } from '@foretoken/weights'
import { MIN_CONTEXT } from './trial'

export interface ModelConfig {
  architecture: string
  layers: number
  dim: number
  heads: number
  kvHeads: number
  headDim: number
  ffn: number
  vocab: number
  context: number
  normEpsilon: number
  rope: { dim: number; base: number; neox: boolean }
}

/** Architectures that run, and whether their RoPE pairs element i with i + dim / 2 (NeoX) or with i + 1. */
const architectures: Record<string, { neox: boolean }> = { llama: { neox: false } }

export function readModelConfig(metadata: Metadata): ModelConfig {
  const architecture = metadata.get('general.architecture')
  const known = typeof architecture === 'string' ? architectures[architecture] : undefined
  if (typeof architecture !== 'string' || !known) {
    const supported = Object.keys(architectures)
    throw new EngineError(
      'bad-model',
      `Architecture "${String(architecture)}" is not supported. Supported: ${supported.join(', ')}.`,
      { key: 'general.architecture', found: architecture ?? null, expected: supported },
    )
  }
  const number = (key: string, fallback?: number): number => {
    const name = `${architecture}.${key}`
    const value = metadata.get(name) ?? fallback
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
    throw new EngineError('bad-model', `"${name}" must be a positive number, found ${String(value)}.`, {
      key: name,
      found: value ?? null,
      expected: 'a positive number',
    })
  }
  refuseScaling(metadata, architecture)

  const dim = number('embedding_length')
  const heads = number('attention.head_count')
  const headDim = number('attention.key_length', dim / heads)
  const tokens = metadata.get('tokenizer.ggml.tokens')
  const config: ModelConfig = {
    architecture,
    layers: number('block_count'),
    dim,
    heads,
    kvHeads: number('attention.head_count_kv', heads),
    headDim,
    ffn: number('feed_forward_length'),
    vocab: number('vocab_size', Array.isArray(tokens) ? tokens.length : undefined),
    context: number('context_length'),
    normEpsilon: number('attention.layer_norm_rms_epsilon'),
    rope: {
      dim: number('rope.dimension_count', headDim),
      base: number('rope.freq_base', 10000),
      neox: known.neox,
    },
  }
  checkShape(config, architecture)
  return config
}

function refuseScaling(metadata: Metadata, architecture: string): void {
  const key = `${architecture}.rope.scaling.type`
  const scaling = metadata.get(key)
  if (scaling === undefined || scaling === 'none') return
  throw new EngineError('bad-model', `RoPE scaling "${String(scaling)}" is not supported.`, {
    key,
    found: scaling,
    expected: 'none',
  })
}

function checkShape(config: ModelConfig, architecture: string): void {
  const { dim, heads, kvHeads, headDim, rope, layers, ffn, vocab, context } = config
  const demand = (holds: boolean, key: string, found: number, expected: string): void => {
    if (holds) return
    const name = `${architecture}.${key}`
    throw new EngineError('bad-model', `"${name}" is ${found}; expected ${expected}.`, {
      key: name,
      found,
      expected,
    })
  }
  const whole = { block_count: layers, embedding_length: dim, feed_forward_length: ffn, vocab_size: vocab }
  for (const [key, value] of Object.entries({ ...whole, context_length: context })) {
    demand(Number.isInteger(value) && value < 2 ** 24, key, value, 'a whole number below 2^24')
  }
  demand(context >= MIN_CONTEXT, 'context_length', context, `at least ${MIN_CONTEXT}`)
  demand(layers <= 512, 'block_count', layers, 'at most 512')
  demand(Number.isInteger(heads) && heads <= 1024, 'attention.head_count', heads, 'a whole number up to 1024')
  demand(
    Number.isInteger(headDim) && headDim % 2 === 0 && headDim <= 512,
    'attention.key_length',
    headDim,
    'an even number up to 512',
  )
  demand(
    Number.isInteger(kvHeads) && heads % kvHeads === 0,
    'attention.head_count_kv',
    kvHeads,
    `a divisor of ${heads} heads`,
  )
  demand(
    rope.dim % 2 === 0 && rope.dim <= headDim,
    'rope.dimension_count',
    rope.dim,
    `an even number up to ${headDim}`,
  )
}
