/** The architectures that run. They share the layer loop of llama.ts; here is what each does otherwise. */
export interface Architecture {
  /** RoPE pairs element i with i + dim / 2 (NeoX), not with i + 1: as GGUF files of the architecture order q and k. */
  neox: boolean
  /** q, k and v have biases. */
  qkvBias?: true
  /** Each head of q and k passes an RMSNorm before RoPE. */
  qkNorm?: true
  /** The last of every so many layers has no RoPE. */
  unrotatedEvery?: number
  /** Tensors of a layer that hold several matrices one below the other. */
  stacked?: Record<string, readonly string[]>
  /** The last of every so many layers sees all positions, where the others have a sliding window. */
  globalEvery?: number
  /** RoPE base of the layers that have the window. */
  localRopeBase?: number
  /** Attention and feed-forward end with an RMSNorm before they join the residual stream. */
  postNorms?: true
  /** The gate's activation; SiLU if nothing else is said. */
  activation?: 'gelu'
  /** Embeddings are multiplied by the root of their length. */
  scalesEmbedding?: true
  /** A model of so many layers divides scores by the root of dim / heads, not of a head's: its file does not tell. */
  layersOfWideScale?: number
}

/** What the Gemmas share. */
const gemma = { neox: true, postNorms: true, activation: 'gelu', scalesEmbedding: true } as const

export const architectures = {
  /** Also Mistral with its window, TinyLlama, SmolLM2, and Llama 3.1 and 3.2, whose files carry scaled frequencies. */
  llama: { neox: false },
  /** Qwen2 and Qwen2.5. */
  qwen2: { neox: true, qkvBias: true },
  qwen3: { neox: true, qkNorm: true },
  smollm3: { neox: false, unrotatedEvery: 4 },
  /** Phi-3, Phi-3.5 and Phi-4-mini, with their LongRoPE. */
  phi3: {
    neox: true,
    stacked: { attn_qkv: ['attn_q', 'attn_k', 'attn_v'], ffn_up: ['ffn_gate', 'ffn_up'] },
  },
  /** Of its sizes the 27B has 46 layers. */
  gemma2: { ...gemma, globalEvery: 2, layersOfWideScale: 46 },
  /** Gemma 3, text: of its sizes the 27B has 62 layers. */
  gemma3: { ...gemma, qkNorm: true, globalEvery: 6, localRopeBase: 10_000, layersOfWideScale: 62 },
} as const satisfies Record<string, Architecture>

export type ArchitectureName = keyof typeof architectures

export const architectureOf = (config: { architecture: ArchitectureName }): Architecture =>
  architectures[config.architecture]

/** Whether a layer, counted from 0, is the last of every so many. */
export const isLastOf = (layer: number, every: number | undefined): boolean =>
  every !== undefined && (layer + 1) % every === 0

/** Vectors of a layer that lie in one buffer, as head-weights.wgsl reads them. */
export function headVectors(config: {
  architecture: ArchitectureName
  heads: number
  kvHeads: number
  headDim: number
}): Array<{ name: string; length: number }> {
  const { qkvBias, qkNorm } = architectureOf(config)
  const { heads, kvHeads, headDim } = config
  if (qkvBias) {
    return [
      { name: 'attn_q.bias', length: heads * headDim },
      { name: 'attn_k.bias', length: kvHeads * headDim },
      { name: 'attn_v.bias', length: kvHeads * headDim },
    ]
  }
  if (!qkNorm) return []
  return ['attn_q_norm.weight', 'attn_k_norm.weight'].map(name => ({ name, length: headDim }))
}
