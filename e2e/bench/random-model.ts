/** Llamas with random weights, made on the spot: need no file and no training. */
import { type EncodedType, encodeRows, rowBytes, type WrittenTensor, writeGguf } from '@foretoken/weights'
import { type BlobTensor, ggufOfBlobs, repeated } from './blob-model'
import type { ModelShape } from './model-shapes.mjs'

export interface RandomModelShape extends ModelShape {
  context: number
  /** Of the matrices of a small one. */
  type: EncodedType
}

const defaults: RandomModelShape = {
  vocab: 16,
  dim: 64,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  ffn: 64,
  context: 64,
  type: 'f32',
  tied: false,
}

/** A tensor without its data. `scale`: of its values, those of a vector are all 1. */
interface Plan {
  name: string
  dims: [columns: number, rows?: number]
  scale: number
}

/** A tiny one, all f32: every weight is drawn for itself. */
export function randomModel(seed: number, options: Partial<RandomModelShape> = {}): Blob {
  const shape = { ...defaults, ...options }
  const random = mulberry32(seed)
  const tensors = plans(shape).map(({ name, dims, scale }): WrittenTensor => {
    const [columns, rows] = dims
    const type = rows === undefined ? 'f32' : shape.type
    const values =
      rows === undefined
        ? new Float32Array(columns).fill(1)
        : Float32Array.from({ length: rows * columns }, () => scale * normal(random))
    return { name, type, dims: whole(dims), data: encodeRows(type, values) }
  })
  return new Blob([writeGguf({ metadata: metadataOf(shape, `random ${seed}`), tensors })])
}

/** Values that are drawn for all matrices of a large model together. */
const POOL_VALUES = 2 ** 21

/**
 * One of any size, its matrices in the format. They are cut out of one pool of random rows, again and again, which
 * costs a kernel what other weights cost: the file takes a few megabytes of memory, whatever its length.
 */
export function largeRandomModel(
  seed: number,
  shape: Omit<RandomModelShape, 'type'>,
  format: EncodedType,
): Blob {
  const random = mulberry32(seed)
  const scale = 1 / Math.sqrt(shape.dim)
  const pools = new Map<number, Blob>()
  const pool = (columns: number): Blob => {
    const known = pools.get(columns)
    if (known) return known
    const length = Math.ceil(POOL_VALUES / columns) * columns
    const values = Float32Array.from({ length }, () => scale * normal(random))
    const made = new Blob([encodeRows(format, values)])
    pools.set(columns, made)
    return made
  }
  const tensors = plans(shape).map(({ name, dims }): BlobTensor => {
    const [columns, rows] = dims
    return rows === undefined
      ? { name, type: 'f32', dims: whole(dims), data: [ones(columns)] }
      : {
          name,
          type: format,
          dims: whole(dims),
          data: repeated(pool(columns), rows * rowBytes(format, columns)),
        }
  })
  return ggufOfBlobs(metadataOf(shape, `random ${seed}`), tensors)
}

const ones = (length: number): Blob => new Blob([encodeRows('f32', new Float32Array(length).fill(1))])

const whole = (dims: Plan['dims']): number[] => dims.filter(dim => dim !== undefined)

function plans({ vocab, dim, layers, heads, kvHeads, ffn, tied }: ModelShape): Plan[] {
  const headDim = dim / heads
  const scale = 1 / Math.sqrt(dim)
  const matrix = (name: string, rows: number, columns: number, values = scale): Plan => ({
    name: `${name}.weight`,
    dims: [columns, rows],
    scale: values,
  })
  const norm = (name: string): Plan => ({ name: `${name}.weight`, dims: [dim], scale: 1 })
  return [
    matrix('token_embd', vocab, dim, 1),
    norm('output_norm'),
    // Logits with a spread of about 1.5: some tokens likely, none certain.
    ...(tied ? [] : [matrix('output', vocab, dim, 1.5 * scale)]),
    ...Array.from({ length: layers }, (_, i) => [
      norm(`blk.${i}.attn_norm`),
      matrix(`blk.${i}.attn_q`, heads * headDim, dim),
      matrix(`blk.${i}.attn_k`, kvHeads * headDim, dim),
      matrix(`blk.${i}.attn_v`, kvHeads * headDim, dim),
      matrix(`blk.${i}.attn_output`, dim, heads * headDim),
      norm(`blk.${i}.ffn_norm`),
      matrix(`blk.${i}.ffn_gate`, ffn, dim),
      matrix(`blk.${i}.ffn_up`, ffn, dim),
      matrix(`blk.${i}.ffn_down`, dim, ffn),
    ]).flat(),
  ]
}

type Metadata = Array<[string, string | number | boolean | Array<string | number>]>

function metadataOf(shape: Omit<RandomModelShape, 'type'>, name: string): Metadata {
  const { vocab, dim, layers, heads, kvHeads, ffn, context } = shape
  return [
    ['general.architecture', 'llama'],
    ['general.name', name],
    ['llama.context_length', context],
    ['llama.embedding_length', dim],
    ['llama.block_count', layers],
    ['llama.feed_forward_length', ffn],
    ['llama.attention.head_count', heads],
    ['llama.attention.head_count_kv', kvHeads],
    ['llama.attention.layer_norm_rms_epsilon', 1e-5],
    ['llama.vocab_size', vocab],
    ['tokenizer.ggml.model', 'llama'],
    [
      'tokenizer.ggml.tokens',
      ['<unk>', '<s>', '</s>', ...Array.from({ length: vocab - 3 }, (_, i) => `▁${letters(i)}`)],
    ],
    ['tokenizer.ggml.scores', Array.from({ length: vocab }, (_, i) => -i - 0.5)],
    ['tokenizer.ggml.token_type', Array.from({ length: vocab }, (_, i) => [2, 3, 3][i] ?? 1)],
    ['tokenizer.ggml.bos_token_id', 1],
    ['tokenizer.ggml.eos_token_id', 2],
    ['tokenizer.ggml.unknown_token_id', 0],
  ]
}

/** a, b, …, z, ba, bb, … */
function letters(i: number): string {
  const rest = Math.floor(i / 26)
  return (rest > 0 ? letters(rest) : '') + String.fromCharCode(97 + (i % 26))
}

export function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
