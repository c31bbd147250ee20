import { invariant } from '@foretoken/errors'
import { isAffine, packAffine, sideWords } from './affine-blocks'
import { isQuantised, rowBytes, type TensorType } from './tensor-type'

const columnMultiple = 64
const blockElements = 32
const chunkWords = 4

/** Rows that are interleaved on the GPU, so that neighbouring threads read neighbouring words. */
export const rowsPerTile = 16

/** Columns of a row on the GPU: every row is filled up with zeros to a multiple of 64. */
export const paddedColumns = (columns: number) => Math.ceil(columns / columnMultiple) * columnMultiple

/** Rows of a matrix on the GPU: filled up with zeros to whole tiles. */
export const paddedRows = (rows: number) => Math.ceil(rows / rowsPerTile) * rowsPerTile

const bitsOf: Partial<Record<TensorType, number>> = { f32: 32, f16: 16, bf16: 16, q8_0: 8 }
const quantBits = (type: TensorType) => bitsOf[type] ?? 4

const wordsPerRow = (type: TensorType, columns: number) => (paddedColumns(columns) * quantBits(type)) / 32
const scaleWordsPerRow = (type: TensorType, columns: number) => {
  const words = isAffine(type) ? sideWords(type) : isQuantised(type) ? 1 : 0
  return (paddedColumns(columns) / columnMultiple) * words
}

/** Bytes that `packRows` makes of a [rows, columns] tensor. */
export function packedSize(
  type: TensorType,
  rows: number,
  columns: number,
): { quantBytes: number; scaleBytes: number } {
  return {
    quantBytes: paddedRows(rows) * wordsPerRow(type, columns) * 4,
    scaleBytes: paddedRows(rows) * scaleWordsPerRow(type, columns) * 4,
  }
}

/**
 * Rows of a file in the layout of the GPU; `data` is [rows, bytes of a row]. Rows are padded to `paddedColumns`, their
 * number to `paddedRows`. Rows that follow others of the same tensor begin at a multiple of `rowsPerTile`.
 *
 * quants [tiles, chunks of a row, rows of a tile, 4 words]: a chunk is 16 bytes of one row, so 4 columns of f32, 8 of f16
 * or bf16 (the low half first), 16 of q8_0 (int8, the lowest byte first), and the 32 of a q4_0 block: byte j holds
 * element j in its low nibble and element j + 16 in the high one, each a signed number, where the file has it plus 8.
 * A chunk of the other q types is such 32 columns too: unsigned numbers, or the low four bits of longer ones.
 *
 * scales [tiles, words of a row, rows of a tile], q types only: the f16 scales of two blocks per u32, the even block low;
 * for the others what `packAffine` puts beside their low bits.
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
  const row = new Uint32Array(wordsPerRow(type, columns))
  const rowScales = new Uint32Array(scaleWordsPerRow(type, columns))
  for (let i = 0; i < rows; i++) {
    const bytes = data.subarray(i * bytesPerRow, (i + 1) * bytesPerRow)
    if (isAffine(type)) packAffine(type, viewOf(bytes), row, rowScales)
    else if (isQuantised(type)) splitBlocks(type, bytes, row, rowScales)
    else new Uint8Array(row.buffer).set(bytes)
    interleave(row, i, chunkWords, quants)
    interleave(rowScales, i, 1, scales)
  }
  return { quants, scales }
}

/** Puts the pieces of one row, of `size` words each, between those of the other rows of its tile. */
function interleave(row: Uint32Array, index: number, size: number, target: Uint32Array): void {
  const lane = index % rowsPerTile
  let to = (index - lane) * row.length + lane * size
  for (let from = 0; from < row.length; to += rowsPerTile * size) {
    for (let i = 0; i < size; i++) target[to + i] = row[from++]!
  }
}

function splitBlocks(
  type: TensorType,
  bytes: Uint8Array,
  row: Uint32Array<ArrayBuffer>,
  rowScales: Uint32Array<ArrayBuffer>,
): void {
  const source = halves(bytes)
  const quantHalves = new Uint16Array(row.buffer)
  const scaleHalves = new Uint16Array(rowScales.buffer)
  const halvesPerBlock = (blockElements * quantBits(type)) / 16
  const toSigned = type === 'q4_0' ? 0x8888 : 0
  const numBlocks = source.length / (halvesPerBlock + 1)
  let from = 0
  let to = 0
  for (let block = 0; block < numBlocks; block++) {
    scaleHalves[block] = source[from++]!
    for (let i = 0; i < halvesPerBlock; i++) quantHalves[to++] = source[from++]! ^ toSigned
  }
}

/** The bytes as u16, copied where they are not aligned. */
export function halves(data: Uint8Array): Uint16Array {
  const aligned = data.byteOffset % 2 === 0 ? data : data.slice()
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2)
}

export const viewOf = (data: Uint8Array) => new DataView(data.buffer, data.byteOffset, data.byteLength)
