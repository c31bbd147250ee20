/** Packed weights of random values for tests. */
import { padded, type Random } from './random'
import { chunkColumns, chunkOf, type Format, isQuantised, ROW_TILE, type Weights } from './weight-format'
import { bitcastU32, pack2x16float } from './wgsl-builtins'

/** Columns that a tensor of this format can have: whole blocks where it is quantised. */
export function columnsFor(format: Format, columns: number): number {
  return isQuantised(format) ? Math.ceil(columns / 32) * 32 : columns
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
  const perChunk = chunkColumns[format]
  const quants = new Uint32Array((tiles * ROW_TILE * width * 4) / perChunk)
  const scales = new Uint32Array(isQuantised(format) ? (tiles * ROW_TILE * width) / 64 : 0)
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
    for (let column = 0; isQuantised(format) && column < columns; column += 64) {
      const pair = Math.floor(row / ROW_TILE) * (width / 64) + column / 64
      const high = column + 32 < columns ? random.float() * 0.1 : 0
      scales[pair * ROW_TILE + (row % ROW_TILE)] = pack2x16float(random.float() * 0.1, high)
    }
  }
  return weights
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
