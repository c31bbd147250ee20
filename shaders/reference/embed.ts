/** hidden[row, column] = embedding[the row's token, column]: embed.wgsl. */
import { NO_TWIN } from './draft-logits'
import { NUM_ROWS, rowAt } from './step'
import { scaleOf, unpack, type Weights } from './weight-format'

export interface EmbedSizes {
  vocab: number
  /** Positions per sequence in `history`. */
  context: number
  /** The first token of this part of the table, and how many it has. */
  first: number
  tokens: number
  scale: number
  /** By the id in `history`, the one of the table. */
  twins?: Uint32Array
}

export function embed(
  step: Uint32Array,
  history: Uint32Array, // [sequences, context]
  weights: Weights, // [tokens of the part, columns]
  hidden: Float32Array, // [rows, columns]
  { vocab, context, first, tokens, scale, twins }: EmbedSizes,
): void {
  const { columns } = weights
  for (let r = 0; r < step[NUM_ROWS]!; r++) {
    const row = rowAt(step, r)
    const read = history[row.sequence * context + row.tokenAt!]!
    const id = twins ? (twins[Math.min(read, twins.length - 1)]! & ~NO_TWIN) >>> 0 : read
    const token = Math.min(id, vocab - 1) - first
    if (token < 0 || token >= tokens) continue
    for (let column = 0; column < columns; column++) {
      hidden[r * columns + column] =
        Math.fround(unpack(weights, token, column) * scaleOf(weights, token, column)) * Math.fround(scale)
    }
  }
}
