/** Tensors that hold several matrices one below the other (Phi-3), taken apart: rows of a file are a tensor too. */
import { EngineError } from '@foretoken/errors'
import { type RowGroup, rowsPerTile, type TensorInfo } from '@foretoken/weights'
import { architectureOf } from './architectures'
import type { ModelConfig } from './model-config'

/** The tensors of a file, each of one matrix. Throws `bad-model` where one does not hold what it should. */
export const unstack = (config: ModelConfig, tensors: readonly TensorInfo[]): TensorInfo[] =>
  tensors.flatMap(tensor => matricesOf(config, tensor))

/** The rows of a file by those tensors. */
export async function* unstackedRows(
  config: ModelConfig,
  groups: AsyncIterable<RowGroup>,
): AsyncGenerator<RowGroup> {
  for await (const group of groups) {
    const { tensor: whole, firstRow, numRows, data } = group
    const rowBytes = whole.bytes / whole.rows
    let start = 0
    for (const tensor of matricesOf(config, whole)) {
      const from = Math.max(firstRow, start)
      const to = Math.min(firstRow + numRows, start + tensor.rows)
      const own = data.subarray((from - firstRow) * rowBytes, (to - firstRow) * rowBytes)
      if (from < to) yield { tensor, firstRow: from - start, numRows: to - from, data: own }
      start += tensor.rows
    }
  }
}

function matricesOf(config: ModelConfig, tensor: TensorInfo): TensorInfo[] {
  const [, prefix, kind = ''] = /^(blk\.\d+\.)(\w+)\.weight$/.exec(tensor.name) ?? []
  const kinds = architectureOf(config).stacked?.[kind]
  if (!kinds) return [tensor]
  const rows = kinds.map(each => rowsOf(config, each))
  checkRows(tensor, rows)
  const rowBytes = tensor.bytes / tensor.rows
  let offset = tensor.offset
  return kinds.map((each, i) => {
    const bytes = rows[i]! * rowBytes
    offset += bytes
    return { ...tensor, name: `${prefix}${each}.weight`, rows: rows[i]!, bytes, offset: offset - bytes }
  })
}

function rowsOf({ heads, kvHeads, headDim, ffn }: ModelConfig, kind: string): number {
  if (kind.startsWith('ffn_')) return ffn
  return (kind === 'attn_q' ? heads : kvHeads) * headDim
}

/** Matrices begin at whole tiles, so that their rows need not be packed anew. */
function checkRows({ name: tensor, rows: found, offset }: TensorInfo, rows: readonly number[]): void {
  const expected = rows.reduce((sum, each) => sum + each, 0)
  if (found === expected && rows.every(each => each % rowsPerTile === 0)) return
  throw new EngineError(
    'bad-model',
    `Tensor "${tensor}" has ${found} rows; matrices of ${rows.join(', ')} rows are expected in it, ${rowsPerTile} to a tile.`,
    { tensor, expected: rows, found, offset },
  )
}
