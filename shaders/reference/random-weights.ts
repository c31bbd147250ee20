/** Packed weights of random values for tests. */
import { padded, type Random } from './random'
import {
  chunkColumns,
  chunkOf,
  type Format,
  ROW_TILE,
  sideAt,
  sideWords,
  type Weights,
} from './weight-format'
import { bitcastU32, pack2x16float, unpack2x16float } from './wgsl-builtins'

/** Columns that a tensor of this format can have: whole blocks where it is quantised. */
export function columnsFor(format: Format, columns: number): number {
  // Blocks of 256 are 64 columns after 64 to a kernel.
  const block = format.endsWith('_k') ? 64 : sideWords(format) > 0 ? 32 : 1
  return Math.ceil(columns / block) * block
}

/** Rows [0, rows) and, with `second`, a second matrix that begins at the next whole tile. */
export function randomWeights(
  random: Random,
  format: Format,
  rows: number,
  columns: number,
  { second = false } = {},
): Weights {
  const tiles = Math.ceil(rows / ROW_TILE) * (second ? 2 : 1)
  const width = padded(columns)
  const perChunk = chunkColumns(format)
  const quants = new Uint32Array((tiles * ROW_TILE * width * 4) / perChunk)
  const scales = new Uint32Array(((tiles * ROW_TILE * width) / 64) * sideWords(format))
  const weights = { format, quants, scales, columns: width }
  for (let row = 0; row < tiles * ROW_TILE; row++) {
    if (row % (Math.ceil(rows / ROW_TILE) * ROW_TILE) >= rows) continue // padding
    for (let column = 0; column < columns; column += perChunk) {
      const at = chunkOf(weights, row, column)
      for (let i = 0; i < 4; i++) {
        const room = columns - column - (i * perChunk) / 4
        if (room > 0) quants[at + i] = word(random, format, room)
      }
    }
    for (let column = 0; sideWords(format) > 0 && column < columns; column += 64) {
      const words = sideOf(random, format, columns - column > 32)
      for (const [word, value] of words.entries()) scales[sideAt(weights, row, column, word)] = value
    }
  }
  return weights
}

/** The words beside the chunks of 64 columns, the second half of which may be padding, whose weights are 0. */
function sideOf(random: Random, format: Format, isWhole: boolean): number[] {
  const pair = (high = true) => pack2x16float(random.float() * 0.1, high ? random.float() * 0.1 : 0)
  const word = () => random.word()
  switch (format) {
    case 'q4_1':
      return [pair(), isWhole ? pair() : 0]
    case 'q5_0':
      return [pair(isWhole), word(), word()]
    case 'q5_1':
      return [pair(), isWhole ? pair() : 0, word(), word()]
    case 'q4_k':
      return [pair(), word() & 0x3f3f3f3f]
    case 'q5_k':
      return [pair(), word() & 0x3f3f3f3f, word(), word()]
    case 'q6_k': {
      const factor = bitcastU32(unpack2x16float(pair())[0])
      return [factor, word(), word(), word(), word(), word()]
    }
    default:
      return [pair(isWhole)]
  }
}

/** A word of random elements, `room` of which are before the padding. */
function word(random: Random, format: Format, room: number): number {
  switch (format) {
    case 'f32':
      return bitcastU32(random.float())
    case 'f16':
      return pack2x16float(random.float(), room > 1 ? random.float() : 0)
    case 'bf16': {
      const low = bitcastU32(random.float()) >>> 16
      return (room > 1 ? bitcastU32(random.float()) & 0xffff0000 : 0) | low
    }
    default:
      return random.word()
  }
}
