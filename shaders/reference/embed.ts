/** hidden[row, column] = embedding[the row's token, column]: embed.wgsl. */
import { NUM_ROWS, rowAt } from './step'
import { BLOCK_COLUMNS, scaleOf, unpack, type Weights } from './weight-format'

export interface EmbedSizes {
  vocab: number
  /** Positions per sequence in `history`. */
  context: number
}

export function embed(
  step: Uint32Array,
  history: Uint32Array, // [sequences, context]
  weights: Weights, // [vocab, columns]
  hidden: Float32Array, // [rows, columns]
  { vocab, context }: EmbedSizes,
): void {
  const columns = weights.blocks * BLOCK_COLUMNS
  for (let r = 0; r < step[NUM_ROWS]!; r++) {
    const row = rowAt(step, r)
    const token = Math.min(history[row.sequence * context + row.tokenAt]!, vocab - 1)
    for (let column = 0; column < columns; column++) {
      const block = token * weights.blocks + Math.floor(column / BLOCK_COLUMNS)
      hidden[r * columns + column] = unpack(weights, block, column % BLOCK_COLUMNS) * scaleOf(weights, block)
    }
  }
}
