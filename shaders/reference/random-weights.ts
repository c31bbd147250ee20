/** Packed weights of random values for tests. */
import { padded, type Random } from './random'
import { BLOCK_COLUMNS, blockWords, type Format, type Weights } from './weight-format'
import { bitcastU32, pack2x16float } from './wgsl-builtins'

/** Columns that a tensor of this format can have: whole blocks where it is quantised. */
export function columnsFor(format: Format, columns: number): number {
  return format.startsWith('q') ? Math.ceil(columns / BLOCK_COLUMNS) * BLOCK_COLUMNS : columns
}

export function randomWeights(random: Random, format: Format, rows: number, columns: number): Weights {
  const blocks = padded(columns) / BLOCK_COLUMNS
  const wordsPerRow = blocks * blockWords[format]
  const perWord = (blocks * BLOCK_COLUMNS) / wordsPerRow
  const quants = new Uint32Array(rows * wordsPerRow)
  const scales = new Uint32Array((rows * blocks) / 2)
  for (const i of quants.keys()) {
    const column = (i % wordsPerRow) * perWord
    if (column < columns) quants[i] = word(random, format, columns - column)
  }
  for (const i of scales.keys()) {
    const first = ((i * 2) % blocks) * BLOCK_COLUMNS
    const second = first + BLOCK_COLUMNS
    scales[i] = pack2x16float(
      first < columns ? random.float() * 0.1 : 0,
      second < columns ? random.float() * 0.1 : 0,
    )
  }
  return { format, quants, scales, blocks }
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
