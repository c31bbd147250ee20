/**
 * One layer's KV cache: [blocks, k|v, kvHeads, BLOCK * chunks] of 16-byte chunks. K lies chunk by chunk, positions
 * within, V position by position, chunks within: rope-append.wgsl.
 */
import { bitcastF32, bitcastU32, pack2x16float, unpack2x16float } from './wgsl-builtins'

export const BLOCK = 64

export interface KvLayout {
  kvHeads: number
  headDim: number
  /** 8 f16 per chunk, not 4 f32. */
  kvF16: boolean
}

const chunkDims = ({ kvF16 }: KvLayout) => (kvF16 ? 8 : 4)

/** 16-byte chunks per head. The padding to a multiple of 8 dimensions is zero. */
export const chunksPerHead = (layout: KvLayout) => (Math.ceil(layout.headDim / 8) * 8) / chunkDims(layout)

export const kvWords = (layout: KvLayout, numBlocks: number) =>
  numBlocks * 2 * layout.kvHeads * BLOCK * chunksPerHead(layout) * 4

export type Half = 'k' | 'v'

/** Of a dimension: word of the cache, and which of two f16 in it. */
function place(layout: KvLayout, half: Half, slot: number, head: number, dim: number) {
  const chunks = chunksPerHead(layout)
  const dims = chunkDims(layout)
  const block = Math.floor(slot / BLOCK)
  const plane = (block * 2 + (half === 'v' ? 1 : 0)) * layout.kvHeads + head
  const chunk = Math.floor(dim / dims)
  const position = slot % BLOCK
  const inside = half === 'k' ? chunk * BLOCK + position : position * chunks + chunk
  const at = (plane * BLOCK * chunks + inside) * 4
  return layout.kvF16
    ? { word: at + Math.floor((dim % 8) / 2), odd: dim % 2 }
    : { word: at + (dim % 4), odd: 0 }
}

export function readKv(
  kv: Uint32Array,
  layout: KvLayout,
  half: Half,
  slot: number,
  head: number,
  dim: number,
) {
  const { word, odd } = place(layout, half, slot, head, dim)
  return layout.kvF16 ? unpack2x16float(kv[word]!)[odd]! : bitcastF32(kv[word]!)
}

/** The values of one head at one slot; the padding becomes zero. */
export function writeKv(
  kv: Uint32Array,
  layout: KvLayout,
  half: Half,
  slot: number,
  head: number,
  values: Float32Array,
): void {
  const dims = chunksPerHead(layout) * chunkDims(layout)
  for (let dim = 0; dim < dims; dim += 2) {
    const [a = 0, b = 0] = values.subarray(dim, dim + 2)
    const { word } = place(layout, half, slot, head, dim)
    if (layout.kvF16) kv[word] = pack2x16float(clampF16(a), clampF16(b))
    else kv.set([bitcastU32(a), bitcastU32(b)], word)
  }
}

const clampF16 = (value: number) => Math.min(Math.max(value, -65504), 65504)

/** All heads' keys and values of one slot, bit for bit. */
export function copySlot(kv: Uint32Array, layout: KvLayout, to: number, from: number): void {
  const dims = chunksPerHead(layout) * chunkDims(layout)
  for (let head = 0; head < layout.kvHeads; head++) {
    for (const half of ['k', 'v'] as const) {
      for (let dim = 0; dim < dims; dim += layout.kvF16 ? 2 : 1) {
        kv[place(layout, half, to, head, dim).word] = kv[place(layout, half, from, head, dim).word]!
      }
    }
  }
}
