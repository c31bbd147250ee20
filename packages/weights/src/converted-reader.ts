/** The tensors of a file as the engine wants them: under other names, rows in another order, shifted, quantised. */
import { invariant } from '@foretoken/errors'
import type { TensorInfo } from './gguf-value'
import type { RowGroup } from './row-groups'
import { type EncodedType, encodeRows, toFloat32 } from './row-values'
import type { TensorReader } from './tensor-reader'
import { isQuantised, rowBytes, tensorTypes } from './tensor-type'

export interface Conversion {
  name: string
  /** Default: as it is. What is quantised already stays so, and so do rows that are no whole blocks. */
  type?: EncodedType | undefined
  /** Rows of a head whose halves become pairs: row i and row i + half follow each other. */
  interleavedRows?: number | undefined
  /** To every value, which becomes f32. */
  added?: number | undefined
}

interface Planned {
  tensor: TensorInfo
  rowsTogether: number
  added: number
}

export class ConvertedReader {
  /** In the order of the file. */
  readonly tensors: readonly TensorInfo[]
  readonly #plans: ReadonlyMap<string, Planned>

  /** `convert`: undefined for a tensor that is passed over. `made`: whole tensors that the file lacks. */
  constructor(
    readonly source: TensorReader,
    convert: (tensor: TensorInfo) => Conversion | undefined,
    readonly made: readonly RowGroup[] = [],
  ) {
    const plans = source.tensors.flatMap(tensor => {
      const conversion = convert(tensor)
      return conversion ? [[tensor.name, plan(tensor, conversion)] as const] : []
    })
    this.#plans = new Map(plans)
    this.tensors = [...made.map(({ tensor }) => tensor), ...plans.map(([, { tensor }]) => tensor)]
  }

  async *rows(): AsyncGenerator<RowGroup> {
    yield* this.made
    const rowsTogether = ({ name }: TensorInfo) => this.#plans.get(name)?.rowsTogether ?? 1
    for await (const group of this.source.rows(rowsTogether)) {
      const planned = this.#plans.get(group.tensor.name)
      if (planned) yield converted(group, planned)
    }
  }

  get closed(): boolean {
    return this.source.closed
  }

  get bytes(): number {
    return this.source.bytes
  }

  close(): Promise<void> {
    return this.source.close()
  }

  discard(): Promise<void> {
    return this.source.discard()
  }
}

function plan(source: TensorInfo, { name, type, interleavedRows = 1, added = 0 }: Conversion): Planned {
  const { rows, columns } = source
  const isConverted =
    type !== undefined && rows > 1 && !isQuantised(source.type) && columns % tensorTypes[type].elements === 0
  const to = added !== 0 ? 'f32' : isConverted ? type : source.type
  const tensor = { ...source, name, type: to, bytes: rows * rowBytes(to, columns) }
  // A tensor of other rows has another shape than its model's, and is refused for that.
  return { tensor, rowsTogether: rows % interleavedRows === 0 ? interleavedRows : 1, added }
}

function converted(
  { tensor: source, data, ...rows }: RowGroup,
  { tensor, rowsTogether, added }: Planned,
): RowGroup {
  const ordered = rowsTogether > 1 ? interleaved(data, rows.numRows, rowsTogether) : data
  if (tensor.type === source.type && added === 0) return { ...rows, tensor, data: ordered }
  const values = toFloat32(source.type, ordered, rows.numRows * source.columns)
  if (added !== 0) for (let i = 0; i < values.length; i++) values[i]! += added
  return { ...rows, tensor, data: encodeRows(tensor.type as EncodedType, values) }
}

/** Rows 0, half, 1, half + 1, .. of every head. */
function interleaved(data: Uint8Array, numRows: number, rowsPerHead: number): Uint8Array {
  invariant(numRows % rowsPerHead === 0, () => `${numRows} rows are no whole heads of ${rowsPerHead}`)
  const bytesPerRow = data.length / numRows
  const half = rowsPerHead / 2
  const out = new Uint8Array(data.length)
  for (let row = 0; row < numRows; row++) {
    const inHead = row % rowsPerHead
    const from = row - inHead + (inHead >> 1) + (inHead & 1) * half
    out.set(data.subarray(from * bytesPerRow, (from + 1) * bytesPerRow), row * bytesPerRow)
  }
  return out
}
