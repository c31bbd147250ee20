import { invariant } from '@foretoken/errors'
import { isQuantised, rowBytes, type TensorType } from './tensor-type'

const columnMultiple = 64
const blockElements = 32
/** In q4_0 a nibble of 8 means zero. */
const zeroNibbles = 0x88

/** Columns of a row on the GPU: every row is filled up with zeros to a multiple of 64. */
export const paddedColumns = (columns: number) => Math.ceil(columns / columnMultiple) * columnMultiple

const quantBits: Record<TensorType, number> = { f32: 32, f16: 16, bf16: 16, q8_0: 8, q4_0: 4 }

/** Bytes that `packRows` makes of a [rows, columns] tensor. */
export function packedSize(
  type: TensorType,
  rows: number,
  columns: number,
): { quantBytes: number; scaleBytes: number } {
  const numElements = rows * paddedColumns(columns)
  return {
    quantBytes: (numElements * quantBits[type]) / 8,
    scaleBytes: isQuantised(type) ? (numElements / blockElements) * 2 : 0,
  }
}

/**
 * Rows of a file in the layout of the GPU; `data` is [rows, bytes of a row]. Rows are padded to
 * `paddedColumns`.
 *
 * quants [rows, words of a padded row]: f32 one element per u32; f16 and bf16 two, the low half first;
 * q8_0 four int8, the lowest byte first; q4_0 the file's 16 nibble bytes of a block as 4 words (byte j:
 * element j in the low nibble, element j + 16 in the high one).
 *
 * scales [rows, padded columns / 64], q types only: the f16 scales of two blocks per u32, the even block low.
 *
 * Relies on a little-endian CPU, as WebGPU does.
 */
export function packRows(
  type: TensorType,
  columns: number,
  data: Uint8Array,
): { quants: Uint32Array<ArrayBuffer>; scales: Uint32Array<ArrayBuffer> } {
  const bytesPerRow = rowBytes(type, columns)
  const rows = data.length / bytesPerRow
  invariant(Number.isInteger(rows), () => `${data.length} bytes are no whole rows of ${bytesPerRow}`)
  const { quantBytes, scaleBytes } = packedSize(type, rows, columns)
  const quants = new Uint32Array(quantBytes / 4)
  const scales = new Uint32Array(scaleBytes / 4)
  if (isQuantised(type)) splitBlocks(type, rows, data, quants, scales)
  else copyRows(rows, data, quants)
  return { quants, scales }
}

function copyRows(rows: number, data: Uint8Array, quants: Uint32Array): void {
  const target = new Uint8Array(quants.buffer)
  const from = data.length / rows
  const to = target.length / rows
  for (let row = 0; row < rows; row++) target.set(data.subarray(row * from, (row + 1) * from), row * to)
}

function splitBlocks(
  type: TensorType,
  rows: number,
  data: Uint8Array,
  quants: Uint32Array<ArrayBuffer>,
  scales: Uint32Array<ArrayBuffer>,
): void {
  if (type === 'q4_0') new Uint8Array(quants.buffer).fill(zeroNibbles)
  const source = halves(data)
  const quantHalves = new Uint16Array(quants.buffer)
  const scaleHalves = new Uint16Array(scales.buffer)
  const halvesPerBlock = (blockElements * quantBits[type]) / 16
  const blocksPerRow = source.length / rows / (halvesPerBlock + 1)
  const paddedBlocksPerRow = scaleHalves.length / rows
  let from = 0
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocksPerRow; block++) {
      const target = row * paddedBlocksPerRow + block
      scaleHalves[target] = source[from++]!
      const end = (target + 1) * halvesPerBlock
      for (let to = target * halvesPerBlock; to < end; to++) quantHalves[to] = source[from++]!
    }
  }
}

/** The bytes as u16, copied where they are not aligned. */
export function halves(data: Uint8Array): Uint16Array {
  const aligned = data.byteOffset % 2 === 0 ? data : data.slice()
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2)
}
