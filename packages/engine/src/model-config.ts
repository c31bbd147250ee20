/** The shape of a model, read from its metadata and checked. */
import { EngineError } from '@foretoken/errors'
import type { Metadata } from '@foretoken/weights'
import { type ArchitectureName, architectureOf, architectures } from './architectures'
import { MIN_CONTEXT } from './trial'

export interface ModelConfig {
  architecture: ArchitectureName
  layers: number
  dim: number
  heads: number
  kvHeads: number
  headDim: number
  ffn: number
  vocab: number
  context: number
  normEpsilon: number
  /** Positions that a layer with a sliding window sees, its own among them. */
  window?: number
  /** Of every so many layers the last sees all positions all the same. */
  globalEvery?: number
  /** What scores are multiplied by. */
  attentionScale: number
  /** Soft-capping of scores and of logits. */
  scoreCap?: number
  logitCap?: number
  rope: {
    dim: number
    base: number
    /** Of layers that have a window, where it is another. */
    localBase?: number
    neox: boolean
    /** Divides all frequencies. */
    scale?: number
    /** Of the rotated vectors, against those before. */
    magnitude?: number
    /** Beyond it, frequencies are those for long contexts. */
    originalContext?: number
  }
}

/** The second is meant where a file has a factor and no type. */
const scalings = ['none', 'linear', 'longrope'] as const

export function readModelConfig(metadata: Metadata): ModelConfig {
  const architecture = readArchitecture(metadata)
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
  /** 0 is how some files say that there is none. */
  const optional = <Key extends string>(field: Key, key: string): { [K in Key]?: number } =>
    metadata.get(`${architecture}.${key}`) ? ({ [field]: number(key) } as { [K in Key]?: number }) : {}
  const scaling = readScaling(metadata, architecture)

  const { neox, globalEvery, localRopeBase, layersOfWideScale } = architectureOf({ architecture })
  const layers = number('block_count')
  const isWide = layers === layersOfWideScale
  const dim = number('embedding_length')
  const heads = number('attention.head_count')
  const headDim = number('attention.key_length', dim / heads)
  const tokens = metadata.get('tokenizer.ggml.tokens')
  const config: ModelConfig = {
    architecture,
    layers,
    dim,
    heads,
    kvHeads: number('attention.head_count_kv', heads),
    headDim,
    ffn: number('feed_forward_length'),
    vocab: number('vocab_size', Array.isArray(tokens) ? tokens.length : undefined),
    context: number('context_length'),
    normEpsilon: number('attention.layer_norm_rms_epsilon'),
    ...optional('window', 'attention.sliding_window'),
    ...(globalEvery ? { globalEvery } : {}),
    ...optional('globalEvery', 'attention.sliding_window_pattern'),
    attentionScale: number('attention.scale', 1 / Math.sqrt(isWide ? dim / heads : headDim)),
    ...optional('scoreCap', 'attn_logit_softcapping'),
    ...optional('logitCap', 'final_logit_softcapping'),
    rope: {
      dim: number('rope.dimension_count', headDim),
      base: number('rope.freq_base', 10000),
      ...(localRopeBase ? { localBase: number('rope.freq_base_swa', localRopeBase) } : {}),
      neox,
      ...(scaling === 'linear' ? optional('scale', 'rope.scaling.factor') : {}),
      ...optional('magnitude', 'rope.scaling.attn_factor'),
      ...optional('originalContext', 'rope.scaling.original_context_length'),
    },
  }
  checkShape(config, architecture)
  return config
}

function readArchitecture(metadata: Metadata): ArchitectureName {
  const found = metadata.get('general.architecture')
  const supported = Object.keys(architectures)
  if (typeof found === 'string' && supported.includes(found)) return found as ArchitectureName
  throw new EngineError(
    'bad-model',
    `Architecture "${String(found)}" is not supported. Supported: ${supported.join(', ')}.`,
    { key: 'general.architecture', found: found ?? null, expected: supported },
  )
}

/** LongRoPE is all in its factors. */
function readScaling(metadata: Metadata, architecture: string): (typeof scalings)[number] {
  const key = `${architecture}.rope.scaling.type`
  const scaling = metadata.get(key) ?? 'linear'
  const known = scalings.find(each => each === scaling)
  if (known) return known
  throw new EngineError('bad-model', `RoPE scaling "${String(scaling)}" is not supported.`, {
    key,
    found: scaling,
    expected: scalings,
  })
}

function checkShape(config: ModelConfig, architecture: string): void {
  const {
    dim,
    heads,
    kvHeads,
    headDim,
    rope,
    layers,
    ffn,
    vocab,
    context,
    window = 0,
    globalEvery = 1,
  } = config
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
  demand(Number.isInteger(window), 'attention.sliding_window', window, 'a whole number')
  const pattern = 'attention.sliding_window_pattern'
  demand(Number.isInteger(globalEvery), pattern, globalEvery, 'a whole number')
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
