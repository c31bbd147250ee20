/** A model file in another format: matrices as asked, everything else as it is. */
import {
  type EncodedType,
  encodeRows,
  GgufReader,
  rowBytes,
  toFloat32,
  type WrittenTensor,
  writeGguf,
} from '@foretoken/weights'

/** Quantised blocks hold 32 columns: a matrix with other rows keeps its format, as does every vector. */
const BLOCK = 32

export async function requantise(source: URL | Blob, format: EncodedType): Promise<Blob> {
  const reader = await GgufReader.open(source)
  const tensors = new Map<string, WrittenTensor>()
  for await (const { tensor, firstRow, numRows, data } of reader.rows()) {
    const { name, columns, rows } = tensor
    const type = rows > 1 && columns % BLOCK === 0 ? format : tensor.type
    if (!tensors.has(name)) {
      const dims = rows > 1 ? [columns, rows] : [columns]
      tensors.set(name, { name, type, dims, data: new Uint8Array(rows * rowBytes(type, columns)) })
    }
    const values = toFloat32(tensor.type, data, numRows * columns)
    const encoded = type === tensor.type ? data : encodeRows(format, values)
    tensors.get(name)!.data.set(encoded, firstRow * rowBytes(type, columns))
  }
  return new Blob([writeGguf({ metadata: reader.metadata, tensors: [...tensors.values()] })])
}
