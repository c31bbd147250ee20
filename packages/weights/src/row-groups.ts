import type { ByteStream } from './byte-stream'
import type { TensorInfo } from './gguf-value'
import { release } from './release'
import { rowsPerTile } from './row-packing'
import { truncatedTensor } from './tensor-layout'

/** Consecutive rows of one tensor, as they stand in the file. */
export interface RowGroup {
  tensor: TensorInfo
  firstRow: number
  numRows: number
  /** [numRows, bytes of a row], of any alignment; gone when the next group is asked for. */
  data: Uint8Array
}

const maxGroupBytes = 4 * 2 ** 20

/**
 * A tensor that begins at or behind the stream's place, in groups of whole tiles of rows (the last one may be cut), and of
 * whole numbers of `rowsTogether`.
 */
export async function* rowGroups(
  stream: ByteStream,
  tensor: TensorInfo,
  rowsTogether = 1,
): AsyncGenerator<RowGroup> {
  const gap = tensor.offset - stream.position
  if ((await stream.skip(gap)) < gap) throw truncatedTensor(tensor, stream.position)
  const bytesPerRow = tensor.bytes / tensor.rows
  let step = rowsPerTile
  while (step % rowsTogether > 0) step += rowsPerTile
  const rowsPerGroup = Math.max(1, Math.floor(maxGroupBytes / bytesPerRow / step)) * step
  for (let firstRow = 0; firstRow < tensor.rows; firstRow += rowsPerGroup) {
    const numRows = Math.min(rowsPerGroup, tensor.rows - firstRow)
    const data = await stream.readCopy(numRows * bytesPerRow)
    if (data.length < numRows * bytesPerRow) throw truncatedTensor(tensor, stream.position)
    yield { tensor, firstRow, numRows, data }
    release(data)
  }
}
