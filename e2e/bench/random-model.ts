/** A tiny Llama with random weights, made on the spot: needs no file and no training. */
import { encodeRows, type TensorType, writeGguf } from '@foretoken/weights'

export interface RandomModelShape {
  vocab: number
  dim: number
  layers: number
  heads: number
  kvHeads: number
  ffn: number
  context: number
  /** Of the matrices. */
  type: TensorType
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
}

export function randomModel(seed: number, options: Partial<RandomModelShape> = {}): Blob {
  const shape = { ...defaults, ...options }
  const { vocab, dim, layers, heads, kvHeads, ffn, context, type } = shape
  const headDim = dim / heads
  const random = mulberry32(seed)
  const matrix = (name: string, rows: number, columns: number, scale: number) => ({
    name: `${name}.weight`,
    type,
    dims: [columns, rows],
    data: encodeRows(
      type,
      Float32Array.from({ length: rows * columns }, () => scale * normal(random)),
    ),
  })
  const ones = (name: string) => ({
    name: `${name}.weight`,
    type: 'f32' as const,
    dims: [dim],
    data: encodeRows('f32', new Float32Array(dim).fill(1)),
  })
  const scale = 1 / Math.sqrt(dim)
  const tensors = [
    matrix('token_embd', vocab, dim, 1),
    ones('output_norm'),
    // Logits with a spread of about 1.5: some tokens likely, none certain.
    matrix('output', vocab, dim, 1.5 * scale),
    ...Array.from({ length: layers }, (_, i) => [
      ones(`blk.${i}.attn_norm`),
      matrix(`blk.${i}.attn_q`, heads * headDim, dim, scale),
      matrix(`blk.${i}.attn_k`, kvHeads * headDim, dim, scale),
      matrix(`blk.${i}.attn_v`, kvHeads * headDim, dim, scale),
      matrix(`blk.${i}.attn_output`, dim, heads * headDim, scale),
      ones(`blk.${i}.ffn_norm`),
      matrix(`blk.${i}.ffn_gate`, ffn, dim, scale),
      matrix(`blk.${i}.ffn_up`, ffn, dim, scale),
      matrix(`blk.${i}.ffn_down`, dim, ffn, scale),
    ]).flat(),
  ]
  const metadata: Array<[string, string | number | boolean | Array<string | number>]> = [
    ['general.architecture', 'llama'],
    ['general.name', `random ${seed}`],
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
  return new Blob([writeGguf({ metadata, tensors })])
}

/** a, b, …, z, ba, bb, … */
function letters(i: number): string {
  const rest = Math.floor(i / 26)
  return (rest > 0 ? letters(rest) : '') + String.fromCharCode(97 + (i % 26))
}

function mulberry32(seed: number): () => number {
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
