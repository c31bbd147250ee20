/** What a GGUF file would say of the model of a Hugging Face folder. */
import { type Tokenizer, tokenizerFromJson } from '@foretoken/tokenizer'
import type { FolderTexts, JsonObject, Metadata, MetadataValue } from '@foretoken/weights'
import { type Architecture, architectures } from './architectures'
import { numberOf, objectOf, unexpected } from './config-json'
import { type FolderModel, folderModelOf } from './folder-models'
import { type FolderRope, folderRope } from './folder-rope'
import { folderWindow } from './folder-window'

export interface FolderMetadata {
  metadata: Metadata
  tokenizer: () => Tokenizer
  model: FolderModel
  headDim: number
  ropeFactors: FolderRope['factors']
  /** Whether the output matrix is the embedding; undefined where the tensors are to tell. */
  tied: boolean | undefined
}

/** Throws `bad-model` with the key of config.json, or of the tokenizer's files. */
export function folderMetadata(name: string, texts: FolderTexts): FolderMetadata {
  const model = folderModelOf(texts.config)
  const config = textConfig(texts.config, model)
  refuseOthers(config, model)
  const heads = numberOf(config, 'num_attention_heads')
  const headDim = numberOf(config, 'head_dim', numberOf(config, 'hidden_size') / heads)
  const vocab = numberOf(config, 'vocab_size')
  const rope = folderRope(config, headDim)
  const entries: Record<string, MetadataValue> = {
    block_count: numberOf(config, 'num_hidden_layers'),
    embedding_length: numberOf(config, 'hidden_size'),
    feed_forward_length: numberOf(config, 'intermediate_size'),
    context_length: numberOf(config, 'max_position_embeddings'),
    vocab_size: vocab,
    'attention.head_count': heads,
    'attention.head_count_kv': numberOf(config, 'num_key_value_heads', heads),
    'attention.key_length': headDim,
    // In f32, as GGUF has them: the same model has the same bits.
    'attention.layer_norm_rms_epsilon': Math.fround(numberOf(config, 'rms_norm_eps')),
    ...softCaps(config),
    ...attentionScale(config),
    ...folderWindow(config),
    ...rope.entries,
  }
  const { architecture } = model
  return {
    metadata: new Map<string, MetadataValue>([
      ['general.architecture', architecture],
      ['general.name', name],
      ...Object.entries(entries).map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ]),
    tokenizer: () => folderTokenizer({ ...texts, config }, vocab),
    model,
    headDim,
    ropeFactors: rope.factors,
    tied: typeof config.tie_word_embeddings === 'boolean' ? config.tie_word_embeddings : undefined,
  }
}

/** Of a model of several parts the text's, whose own ends go behind those of the whole. */
function textConfig(config: JsonObject, { part, defaults }: FolderModel): JsonObject {
  if (!part) return { ...defaults, ...config }
  const text = objectOf(config[part.key])
  return { ...defaults, ...config, ...text, eos_token_id: config.eos_token_id ?? text.eos_token_id }
}

function softCaps(config: JsonObject): Record<string, MetadataValue> {
  const keys = ['attn_logit_softcapping', 'final_logit_softcapping'].filter(key => config[key] != null)
  return Object.fromEntries(keys.map(key => [key, Math.fround(numberOf(config, key))]))
}

/** GGUF does not tell it of the Gemmas: it has what their sizes have. */
function attentionScale(config: JsonObject): Record<string, MetadataValue> {
  if (config.query_pre_attn_scalar === undefined) return {}
  return { 'attention.scale': 1 / Math.sqrt(numberOf(config, 'query_pre_attn_scalar')) }
}

function folderTokenizer(texts: FolderTexts, vocabSize: number): Tokenizer {
  const { config, generationConfig, tokenizer, tokenizerConfig, chatTemplate } = texts
  const ends = [generationConfig.eos_token_id ?? config.eos_token_id ?? []].flat()
  const wrong = ends.find(id => !Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabSize)
  if (wrong !== undefined) throw unexpected('eos_token_id', wrong, `token ids below ${vocabSize}`)
  const endIds = ends as number[]
  return tokenizerFromJson({ tokenizer, config: tokenizerConfig, chatTemplate, vocabSize, endIds })
}

/** Keys that change the layer loop. */
function refuseOthers(config: JsonObject, { architecture, fixed }: FolderModel): void {
  for (const [key, expected] of Object.entries(fixed)) {
    const found = config[key] ?? expected
    if (found !== expected) throw unexpected(key, found, expected)
  }
  const { unrotatedEvery }: Architecture = architectures[architecture]
  const { no_rope_layers: rotated, no_rope_layer_interval: interval } = config
  if (unrotatedEvery === undefined) return
  if (!Array.isArray(rotated)) {
    if ((interval ?? unrotatedEvery) === unrotatedEvery) return
    throw unexpected('no_rope_layer_interval', interval, unrotatedEvery)
  }
  const expected = rotated.map((_, i) => ((i + 1) % unrotatedEvery === 0 ? 0 : 1))
  if (rotated.some((value, i) => Number(value) !== expected[i]))
    throw unexpected('no_rope_layers', rotated, expected)
}
