import { badModel } from './bad-model'
import type { RawTensor } from './gguf-header'
import type { TensorInfo } from './gguf-value'
import { ggmlTypeName, rowBytes, supportedTypes, tensorTypes, typeOfGgmlId } from './tensor-type'

/**
 * Checks the tensors of a header against each other and against the file's size (where it is certain),
 * and gives them in file order. `dataOffset` is where tensor data begins, in bytes. Throws `bad-model`.
 */
export function tensorInfos(
  raw: readonly RawTensor[],
  dataOffset: number,
  alignment: number,
  fileBytes: number | undefined,
): TensorInfo[] {
  const tensors = raw.map(tensor => tensorInfo(tensor, dataOffset, alignment))
  tensors.sort((a, b) => a.offset - b.offset)
  requireDistinctNames(tensors)
  for (const [i, tensor] of tensors.entries()) {
    const end = tensor.offset + tensor.bytes
    const next = tensors[i + 1]
    if (next && next.offset < end) {
      const message = `Tensors ${tensor.name} and ${next.name} overlap in the file`
      throw broken(message, next, `an offset of at least ${end}`, next.offset)
    }
    if (fileBytes !== undefined && end > fileBytes) throw truncatedTensor(tensor, fileBytes)
  }
  return tensors
}

/** The file ends before the tensor does. */
export function truncatedTensor(tensor: TensorInfo, fileBytes: number) {
  const found = Math.max(0, fileBytes - tensor.offset)
  const message = `The file ends inside tensor ${tensor.name}: ${tensor.bytes} bytes expected, ${found} found. It was probably not downloaded or copied whole`
  return broken(message, tensor, tensor.bytes, found)
}

function tensorInfo(raw: RawTensor, dataOffset: number, alignment: number): TensorInfo {
  const { name, dims } = raw
  const type = typeOfGgmlId(raw.ggmlType)
  const at = { name, offset: dataOffset + raw.offset }
  if (type === undefined) {
    const found = ggmlTypeName(raw.ggmlType)
    const expected = supportedTypes.map(supported => supported.toUpperCase())
    const message = `Tensor ${name} has type ${found}, which is not supported; supported are ${expected.join(', ')}`
    throw broken(message, at, expected, found)
  }
  const numElements = dims.reduce((product, dim) => product * dim, 1)
  const [columns = 0, ...others] = dims
  if (!Number.isSafeInteger(numElements * 4) || numElements < 1) {
    throw broken(
      `Tensor ${name} has impossible dimensions ${dims.join(' x ')}`,
      at,
      '1 to 2^51 elements',
      dims,
    )
  }
  const { elements } = tensorTypes[type]
  if (columns % elements !== 0) {
    throw broken(
      `Rows of tensor ${name} are no whole ${type} blocks`,
      at,
      `a multiple of ${elements}`,
      columns,
    )
  }
  if (raw.offset % alignment !== 0 || !Number.isSafeInteger(at.offset)) {
    throw broken(
      `Tensor ${name} is misplaced`,
      at,
      `an offset that is a multiple of ${alignment}`,
      raw.offset,
    )
  }
  const rows = others.reduce((product, dim) => product * dim, 1)
  return { name, type, rows, columns, offset: at.offset, bytes: rows * rowBytes(type, columns) }
}

function requireDistinctNames(tensors: readonly TensorInfo[]): void {
  const seen = new Set<string>()
  for (const tensor of tensors) {
    if (seen.has(tensor.name)) {
      throw broken(`Tensor ${tensor.name} stands twice in the file`, tensor, 'each name once', tensor.name)
    }
    seen.add(tensor.name)
  }
}

function broken(message: string, at: { name: string; offset: number }, expected: unknown, found: unknown) {
  return badModel(`${message}.`, { tensor: at.name, offset: at.offset, expected, found })
}
