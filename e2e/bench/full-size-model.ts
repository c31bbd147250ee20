/**
 * Model files as people download them, but for their numbers: architecture, dimensions, types tensor by tensor and
 * the size of the vocabulary are real, weights are blocks at random. They take a few megabytes of memory each.
 */
import { encodeRows, rowBytes, type TensorType } from '@foretoken/weights'
import { type BlobTensor, ggufOfBlobs, repeated } from './blob-model'
import { byteVocabulary } from './byte-vocabulary'
import { type ModelShape, modelShapes } from './model-shapes.mjs'
import { type BlockType, randomBlocks } from './random-blocks'
import { mulberry32 } from './random-model'

export interface FullSizeModel {
  name: string
  architecture: 'qwen2' | 'llama'
  shape: ModelShape
  context: number
  ropeBase: number
  normEpsilon: number
  /** tokenizer.ggml.pre */
  pre: string
  /** Of the vocabulary, the last. */
  numControls: number
  numMerges: number
  /** `kind` as in GGUF: token_embd, attn_q, .. */
  typeOf(kind: string, layer: number, shape: ModelShape): BlockType
}

/**
 * What llama.cpp's Q4_K_M makes of such dimensions: rows of 896 are no whole K blocks, so there Q5_0 stands for Q4_K and Q8_0
 * for Q6_K. Source: llama_tensor_get_type of llama-quant.cpp; the real file has the same types and 397 MB.
 */
const mostlyQ4K: FullSizeModel['typeOf'] = (kind, layer, { layers, dim, ffn }) => {
  const eighth = Math.floor(layers / 8)
  const wantsMore = layer < eighth || layer >= 7 * eighth || (layer - eighth) % 3 === 2
  const isFine = kind === 'token_embd' || (wantsMore && (kind === 'attn_v' || kind === 'ffn_down'))
  const isWhole = (kind === 'ffn_down' ? ffn : dim) % 256 === 0
  if (isFine) return isWhole ? 'q6_k' : 'q8_0'
  return isWhole ? 'q4_k' : 'q5_0'
}

const qwen: FullSizeModel = {
  name: 'Qwen2.5-0.5B Q4_K_M',
  architecture: 'qwen2',
  shape: modelShapes['qwen2.5-0.5b'],
  context: 32_768,
  ropeBase: 1e6,
  normEpsilon: 1e-6,
  pre: 'qwen2',
  numControls: 293,
  numMerges: 151_387,
  typeOf: mostlyQ4K,
}

const llama: FullSizeModel = {
  name: 'Llama-3.2-1B Q8_0',
  architecture: 'llama',
  shape: modelShapes['llama-3.2-1b'],
  context: 131_072,
  ropeBase: 5e5,
  normEpsilon: 1e-5,
  pre: 'llama-bpe',
  numControls: 256,
  numMerges: 280_147,
  typeOf: () => 'q8_0',
}

/** By the names of their files. */
export const fullSizeModels = { 'qwen2.5-0.5b-q4_k_m.gguf': qwen, 'llama-3.2-1b-q8_0.gguf': llama }
export type FullSizeName = keyof typeof fullSizeModels

const SEED = 8

export function fullSizeModel(model: FullSizeModel): Blob {
  return ggufOfBlobs(metadataOf(model), tensorsOf(model, mulberry32(SEED)))
}

const POOL_BYTES = 2 ** 21

function tensorsOf({ architecture, shape, typeOf }: FullSizeModel, random: () => number): BlobTensor[] {
  const { vocab, dim, layers, heads, kvHeads, ffn } = shape
  const headDim = dim / heads
  const pools = new Map<TensorType, Blob>()
  const pool = (type: BlockType): Blob => {
    const blockBytes = rowBytes(type, type.endsWith('_k') ? 256 : 32)
    const known = pools.get(type)
    const made =
      known ?? new Blob([randomBlocks(random, type, Math.ceil(POOL_BYTES / blockBytes) * blockBytes)])
    pools.set(type, made)
    return made
  }
  const vector = (name: string, length: number, value: number): BlobTensor => {
    const data = [new Blob([encodeRows('f32', new Float32Array(length).fill(value))])]
    return { name, type: 'f32', dims: [length], data }
  }
  const matrix = (prefix: string, kind: string, rows: number, columns: number, layer = 0): BlobTensor => {
    const type = typeOf(kind, layer, shape)
    const data = repeated(pool(type), rows * rowBytes(type, columns))
    return { name: `${prefix}${kind}.weight`, type, dims: [columns, rows], data }
  }
  const layerOf = (layer: number): BlobTensor[] => {
    const prefix = `blk.${layer}.`
    const biased = architecture === 'qwen2'
    const qkv = [['attn_q', heads] as const, ['attn_k', kvHeads] as const, ['attn_v', kvHeads] as const]
    return [
      vector(`${prefix}attn_norm.weight`, dim, 1),
      ...qkv.flatMap(([kind, count]) => [
        matrix(prefix, kind, count * headDim, dim, layer),
        ...(biased ? [vector(`${prefix}${kind}.bias`, count * headDim, 0.1)] : []),
      ]),
      matrix(prefix, 'attn_output', dim, heads * headDim, layer),
      vector(`${prefix}ffn_norm.weight`, dim, 1),
      matrix(prefix, 'ffn_gate', ffn, dim, layer),
      matrix(prefix, 'ffn_up', ffn, dim, layer),
      matrix(prefix, 'ffn_down', dim, ffn, layer),
    ]
  }
  return [
    matrix('', 'token_embd', vocab, dim),
    vector('output_norm.weight', dim, 1),
    // Llama 3's scaled frequencies.
    ...(architecture === 'llama' ? [vector('rope_freqs.weight', headDim / 2, 1)] : []),
    ...Array.from({ length: layers }, (_, i) => layerOf(i)).flat(),
  ]
}

function metadataOf(model: FullSizeModel): Array<[string, string | number | Array<string | number>]> {
  const { name, architecture, shape, context, ropeBase, normEpsilon, pre, numControls, numMerges } = model
  const { vocab, dim, layers, heads, kvHeads, ffn } = shape
  const numWords = vocab - numControls
  const { tokens, merges } = byteVocabulary(numWords, numMerges)
  const controls = Array.from({ length: numControls }, (_, i) => `<|control_${i}|>`)
  return [
    ['general.architecture', architecture],
    ['general.name', name],
    [`${architecture}.context_length`, context],
    [`${architecture}.embedding_length`, dim],
    [`${architecture}.block_count`, layers],
    [`${architecture}.feed_forward_length`, ffn],
    [`${architecture}.attention.head_count`, heads],
    [`${architecture}.attention.head_count_kv`, kvHeads],
    [`${architecture}.attention.layer_norm_rms_epsilon`, normEpsilon],
    [`${architecture}.rope.freq_base`, ropeBase],
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', pre],
    ['tokenizer.ggml.tokens', [...tokens, ...controls]],
    ['tokenizer.ggml.token_type', Array.from({ length: vocab }, (_, i) => (i < numWords ? 1 : 3))],
    ['tokenizer.ggml.merges', merges],
    ['tokenizer.ggml.bos_token_id', numWords],
    ['tokenizer.ggml.eos_token_id', numWords + 1],
  ]
}
