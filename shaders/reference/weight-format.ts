/** How a packed row becomes numbers: weight-format.wgsl, one element at a time. */
import { bitcastF32, unpack2x16float } from './wgsl-builtins'

type PlainFormat = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q4_0'
type AffineFormat = 'q4_1' | 'q5_0' | 'q5_1' | 'q4_k' | 'q5_k' | 'q6_k'
export type Format = PlainFormat | AffineFormat

/** Rows in tiles of 16, padded with zeros to whole tiles and to a multiple of 64 columns. */
export interface Weights {
  format: Format
  /** [tiles, chunks of a row, rows of a tile, 4 words] */
  quants: Uint32Array<ArrayBuffer>
  /**
   * [tiles, words of a row, rows of a tile]. q8_0 and q4_0: an f16 per block, the even block low. Affine formats: per 64
   * columns `scaleWords`, then the words of the high bits.
   */
  scales: Uint32Array<ArrayBuffer>
  /** Columns of a row. */
  columns: number
}

export const ROW_TILE = 16
export const GROUP_COLUMNS = 16
const plainChunks: Record<PlainFormat, number> = { f32: 4, f16: 8, bf16: 8, q8_0: 16, q4_0: 32 }
export const chunkColumns = (format: Format): number => (isAffine(format) ? 32 : plainChunks[format])
const isScaled = (format: Format): boolean => format === 'q8_0' || format === 'q4_0'

/** Weights are scale * number + minimum. */
const affine: Record<AffineFormat, { scaleWords: number; highBits: number }> = {
  q4_1: { scaleWords: 2, highBits: 0 },
  q5_0: { scaleWords: 1, highBits: 1 },
  q5_1: { scaleWords: 2, highBits: 1 },
  q4_k: { scaleWords: 2, highBits: 0 },
  q5_k: { scaleWords: 2, highBits: 1 },
  q6_k: { scaleWords: 2, highBits: 2 },
}
export const isAffine = (format: Format): format is AffineFormat => format in affine

/** Words in `scales` of 64 columns. */
export function sideWords(format: Format): number {
  if (!isAffine(format)) return isScaled(format) ? 1 : 0
  return affine[format].scaleWords + 2 * affine[format].highBits
}

/** Index in `scales` of a word of the 64 columns in which an element stands. */
export function sideAt(
  { format, columns }: Pick<Weights, 'format' | 'columns'>,
  row: number,
  column: number,
  word: number,
) {
  const perRow = (columns / 64) * sideWords(format)
  const at = Math.floor(row / ROW_TILE) * perRow + Math.floor(column / 64) * sideWords(format) + word
  return at * ROW_TILE + (row % ROW_TILE)
}

/** Index in `quants` of the first word of the chunk in which an element stands. */
export function chunkOf(
  { format, columns }: Pick<Weights, 'format' | 'columns'>,
  row: number,
  column: number,
) {
  const perChunk = chunkColumns(format)
  const chunk = Math.floor(row / ROW_TILE) * (columns / perChunk) + Math.floor(column / perChunk)
  return (chunk * ROW_TILE + (row % ROW_TILE)) * 4
}

/** An element, without its block's scale where `scaleOf` has one. */
export function unpack(weights: Weights, row: number, column: number): number {
  const { format, quants } = weights
  const at = chunkOf(weights, row, column)
  const i = column % chunkColumns(format)
  if (isAffine(format)) {
    const [scale, minimum] = lineOf(weights, row, column)
    return Math.fround(scale * integerOf(weights, row, column) + minimum)
  }
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

/** The number of an element of a quantised format. */
export function integerOf(weights: Weights, row: number, column: number): number {
  const { format } = weights
  if (!isAffine(format)) return unpack(weights, row, column)
  const { scaleWords, highBits } = affine[format]
  const side = (word: number) => weights.scales[sideAt(weights, row, column, word)]!
  const i = column % 32
  const byte = 8 * (i & 3)
  const low =
    (weights.quants[chunkOf(weights, row, column) + ((i % 16) >> 2)]! >>> (byte + (i < 16 ? 0 : 4))) & 15
  const bit = ((column % 64) >> 2) * highBits
  const high = highBits && (side(scaleWords + (bit >> 3)) >>> (byte + (bit & 7))) & ((1 << highBits) - 1)
  return low | (high << 4)
}

/** Scale and minimum of an element of a quantised format. */
export function lineOf(weights: Weights, row: number, column: number): [number, number] {
  const { format } = weights
  const side = (word: number) => weights.scales[sideAt(weights, row, column, word)]!
  const half = (column >> 5) & 1
  switch (format) {
    case 'q4_1':
    case 'q5_1':
      return unpack2x16float(side(half))
    case 'q5_0':
      return centred(unpack2x16float(side(0))[half]!, 16)
    case 'q4_k':
    case 'q5_k': {
      const own = side(1) >>> (16 * half)
      const [scale, minimum] = unpack2x16float(side(0))
      return [scale * (own & 255), -minimum * ((own >> 8) & 255)]
    }
    case 'q6_k':
      return centred(bitcastF32(side(0)) * ((side(1) << (24 - 8 * ((column >> 4) & 3))) >> 24), 32)
    default:
      return [scaleOf(weights, row, column), 0]
  }
}

const centred = (scale: number, centre: number): [number, number] => [scale, -scale * centre]

export function scaleOf(weights: Weights, row: number, column: number): number {
  if (!isScaled(weights.format)) return 1
  return unpack2x16float(weights.scales[sideAt(weights, row, column, 0)]!)[(column >> 5) & 1]!
}
