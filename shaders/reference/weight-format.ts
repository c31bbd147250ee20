/** How a word of a packed row becomes numbers: weight-format.wgsl, one element at a time. */
import { bitcastF32, unpack2x16float } from './wgsl-builtins'

export type Format = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q4_0'

/** Rows of 32-column blocks, padded with zeros to an even number of blocks. */
export interface Weights {
  format: Format
  quants: Uint32Array<ArrayBuffer>
  /** f16, row-major, two blocks per word, the even block low. Only q8_0 and q4_0 have any. */
  scales: Uint32Array<ArrayBuffer>
  /** Blocks per row. */
  blocks: number
}

export const BLOCK_COLUMNS = 32
export const blockWords: Record<Format, number> = { f32: 32, f16: 16, bf16: 16, q8_0: 8, q4_0: 4 }

/** Element `i` of a block (`block` counts over all rows), without the block's scale. */
export function unpack({ format, quants }: Weights, block: number, i: number): number {
  const at = block * blockWords[format]
  switch (format) {
    case 'f32':
      return bitcastF32(quants[at + i]!)
    case 'f16':
      return unpack2x16float(quants[at + (i >> 1)]!)[i & 1]!
    case 'bf16': {
      const word = quants[at + (i >> 1)]!
      return bitcastF32(i & 1 ? word & 0xffff0000 : word << 16)
    }
    case 'q8_0': {
      const byte = (quants[at + (i >> 2)]! >>> (8 * (i & 3))) & 255
      return (byte << 24) >> 24
    }
    case 'q4_0': {
      const j = i % 16 // byte j: element j in the low nibble, element j + 16 in the high one
      const byte = quants[at + (j >> 2)]! >>> (8 * (j & 3))
      return ((i < 16 ? byte : byte >>> 4) & 15) - 8
    }
  }
}

export function scaleOf({ format, scales }: Weights, block: number): number {
  if (format !== 'q8_0' && format !== 'q4_0') return 1
  return unpack2x16float(scales[block >> 1]!)[block & 1]!
}
