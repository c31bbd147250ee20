/** What a GGUF file would say of the model of a Hugging Face folder. */
import { EngineError } from '@foretoken/errors'
import { type Tokenizer, tokenizerFromJson } from '@foretoken/tokenizer'
import type { FolderTexts, JsonObject, Metadata, MetadataValue } from '@foretoken/weights'
import { type Architecture, type ArchitectureName, architectures } from './architectures'

/** By "model_type" of config.json. */
const architectureNames: Readonly<Record<string, ArchitectureName>> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  smollm3: 'smollm3',
}

export interface FolderMetadata {
  metadata: Metadata
  tokenizer: () => Tokenizer
  architecture: ArchitectureName
  headDim: number
  /** Divisors of the RoPE frequencies, where these are scaled. */
  ropeFactors: Float32Array | undefined
  /** Whether the output matrix is the embedding; undefined where the tensors are to tell. */
  tied: boolean | undefined
}

/** Throws `bad-model` with the key of config.json, or of the tokenizer's files. */
export function folderMetadata(name: string, texts: FolderTexts): FolderMetadata {
  const { config } = texts
  const architecture = architectureOf(config)
  const heads = numberOf(config, 'num_attention_heads')
  const headDim = numberOf(config, 'head_dim', numberOf(config, 'hidden_size') / heads)
  const ropeDim = headDim * numberOf(config, 'partial_rotary_factor', 1)
  const vocab = numberOf(config, 'vocab_size')
  const rope = objectOf(config.rope_parameters ?? config.rope_scaling)
  const base = numberOf(rope, 'rope_theta', numberOf(config, 'rope_theta', 10000))
  refuseOthers(config, architecture)
  const entries: Record<string, MetadataValue> = {
    block_count: numberOf(config, 'num_hidden_layers'),
    embedding_length: numberOf(config, 'hidden_size'),
    feed_forward_length: numberOf(config, 'intermediate_size'),
    context_length: contextOf(config),
    vocab_size: vocab,
    'attention.head_count': heads,
    'attention.head_count_kv': numberOf(config, 'num_key_value_heads', heads),
    'attention.key_length': headDim,
    // In f32, as GGUF has them: the same model has the same bits.
    'attention.layer_norm_rms_epsilon': Math.fround(numberOf(config, 'rms_norm_eps')),
    'rope.dimension_count': ropeDim,
    'rope.freq_base': Math.fround(base),
  }
  return {
    metadata: new Map<string, MetadataValue>([
      ['general.architecture', architecture],
      ['general.name', name],
      ...Object.entries(entries).map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ]),
    tokenizer: () => folderTokenizer(texts, vocab),
    architecture,
    headDim,
    ropeFactors: ropeFactors(rope, config, ropeDim, base),
    tied: typeof config.tie_word_embeddings === 'boolean' ? config.tie_word_embeddings : undefined,
  }
}

function folderTokenizer(texts: FolderTexts, vocabSize: number): Tokenizer {
  const { config, generationConfig, tokenizer, tokenizerConfig, chatTemplate } = texts
  const ends = [generationConfig.eos_token_id ?? config.eos_token_id ?? []].flat()
  const wrong = ends.find(id => !Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabSize)
  if (wrong !== undefined) throw unexpected('eos_token_id', wrong, `token ids below ${vocabSize}`)
  const endIds = ends as number[]
  return tokenizerFromJson({ tokenizer, config: tokenizerConfig, chatTemplate, vocabSize, endIds })
}

function architectureOf({ model_type: found }: JsonObject): ArchitectureName {
  const supported = Object.keys(architectureNames)
  if (typeof found === 'string' && Object.hasOwn(architectureNames, found)) return architectureNames[found]!
  const message = `Architecture "${String(found)}" is not supported. Supported: ${supported.join(', ')}.`
  throw new EngineError('bad-model', message, {
    key: 'model_type',
    found: found ?? null,
    expected: supported,
  })
}

/** Keys that change the layer loop. */
function refuseOthers(config: JsonObject, architecture: ArchitectureName): void {
  const { hidden_act: act = 'silu', no_rope_layers: rotated, no_rope_layer_interval: interval } = config
  if (act !== 'silu') throw unexpected('hidden_act', act, 'silu')
  const { unrotatedEvery }: Architecture = architectures[architecture]
  if (unrotatedEvery === undefined) return
  if (!Array.isArray(rotated)) {
    if ((interval ?? unrotatedEvery) === unrotatedEvery) return
    throw unexpected('no_rope_layer_interval', interval, unrotatedEvery)
  }
  const expected = rotated.map((_, i) => ((i + 1) % unrotatedEvery === 0 ? 0 : 1))
  if (rotated.some((value, i) => Number(value) !== expected[i]))
    throw unexpected('no_rope_layers', rotated, expected)
}

/** Of attention with a window no more than that: as far every position sees every earlier one. */
function contextOf(config: JsonObject): number {
  const context = numberOf(config, 'max_position_embeddings')
  const isWindowed = config.use_sliding_window ?? config.model_type === 'mistral'
  return isWindowed && config.sliding_window != null
    ? Math.min(context, numberOf(config, 'sliding_window'))
    : context
}

/** As llama.cpp's converter writes them. Source: transformers, modeling_rope_utils (Llama 3.1). */
function ropeFactors(
  rope: JsonObject,
  config: JsonObject,
  ropeDim: number,
  base: number,
): Float32Array | undefined {
  const type = rope.rope_type ?? rope.type ?? 'default'
  if (type === 'default') return undefined
  if (type !== 'llama3') throw unexpected('rope_scaling.rope_type', type, ['default', 'llama3'])
  if (!(Number.isInteger(ropeDim / 2) && ropeDim <= 512)) {
    throw unexpected('head_dim', ropeDim, 'an even number up to 512')
  }
  const [factor, low, high] = [
    numberOf(rope, 'factor'),
    numberOf(rope, 'low_freq_factor'),
    numberOf(rope, 'high_freq_factor'),
  ]
  const key = 'original_max_position_embeddings'
  const context = numberOf(rope, key, numberOf(config, key, numberOf(config, 'max_position_embeddings')))
  return Float32Array.from({ length: ropeDim / 2 }, (_, i) => {
    const turns = context / (2 * Math.PI * base ** ((2 * i) / ropeDim))
    const smooth = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

const objectOf = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null ? (value as JsonObject) : {}

function numberOf(config: JsonObject, key: string, fallback?: number): number {
  const value = config[key] ?? fallback
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw unexpected(key, value, 'a positive number')
}

function unexpected(key: string, found: unknown, expected: unknown): EngineError {
  const [text, wanted] = [JSON.stringify(found) ?? 'nothing', [expected].flat().join(' or ')]
  return new EngineError('bad-model', `config.json: "${key}" is ${text}, expected ${wanted}.`, {
    file: 'config.json',
    key,
    found: found ?? null,
    expected,
  })
}
