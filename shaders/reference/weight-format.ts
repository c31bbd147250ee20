/** How a packed row becomes numbers: weight-format.wgsl, one element at a time. */
import { bitcastF32, unpack2x16float } from './wgsl-builtins'

export type Format = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q4_0'

/** Rows in tiles of 16, padded with zeros to whole tiles and to a multiple of 64 columns. */
export interface Weights {
  format: Format
  /** [tiles, chunks of a row, rows of a tile, 4 words] */
  quants: Uint32Array<ArrayBuffer>
  /** [tiles, pairs of blocks, rows of a tile] f16, the even block low. Only q8_0 and q4_0 have any. */
  scales: Uint32Array<ArrayBuffer>
  /** Columns of a row. */
  columns: number
}

export const ROW_TILE = 16
export const GROUP_COLUMNS = 16
export const chunkColumns: Record<Format, number> = { f32: 4, f16: 8, bf16: 8, q8_0: 16, q4_0: 32 }
export const isQuantised = (format: Format): boolean => format === 'q8_0' || format === 'q4_0'

/** Index in `quants` of the first word of the chunk in which an element stands. */
export function chunkOf(
  { format, columns }: Pick<Weights, 'format' | 'columns'>,
  row: number,
  column: number,
) {
  const perChunk = chunkColumns[format]
  const chunk = Math.floor(row / ROW_TILE) * (columns / perChunk) + Math.floor(column / perChunk)
  return (chunk * ROW_TILE + (row % ROW_TILE)) * 4
}

/** An element without its block's scale. */
export function unpack(weights: Weights, row: number, column: number): number {
  const { format, quants } = weights
  const at = chunkOf(weights, row, column)
  const i = column % chunkColumns[format]
  switch (format) {
    case 'f32':
      return bitcastF32(quants[at + i]!)
    case 'f16':
      return unpack2x16float(quants[at + (i >> 1)]!)[i & 1]!
    case 'bf16': {
      const word = quants[at + (i >> 1)]!
      return bitcastF32(i & 1 ? word & 0xffff0000 : word << 16)
    }
    case 'q8_0':
      return (quants[at + (i >> 2)]! << (24 - 8 * (i & 3))) >> 24
    case 'q4_0': {
      const j = i % 16 // byte j: element j in the low nibble, element j + 16 in the high one
      return (quants[at + (j >> 2)]! << ((i < 16 ? 28 : 24) - 8 * (j & 3))) >> 28
    }
  }
}

export function scaleOf({ format, scales, columns }: Weights, row: number, column: number): number {
  if (!isQuantised(format)) return 1
  const pair = Math.floor(row / ROW_TILE) * (columns / 64) + Math.floor(column / 64)
  return unpack2x16float(scales[pair * ROW_TILE + (row % ROW_TILE)]!)[(column >> 5) & 1]!
}
