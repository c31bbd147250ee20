export interface ModelShape {
  vocab: number
  dim: number
  layers: number
  heads: number
  kvHeads: number
  ffn: number
  /** The embedding is the head too. */
  tied: boolean
}

export type ShapeName = 'qwen2.5-0.5b' | 'qwen2.5-1.5b' | 'llama-3.2-1b' | 'llama-3.1-8b'
export type ModelFormat = 'f16' | 'q8_0' | 'q4_0'

export const modelShapes: Record<ShapeName, ModelShape>
export const modelFormats: ModelFormat[]
