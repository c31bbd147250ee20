import { type MetadataValue, type ScalarType, scalarBytes, type ValueType, valueTypes } from './gguf-value'
import { type TensorType, tensorTypes } from './tensor-type'

/** A value whose type in the file is told instead of inferred. For an array: the type of its elements. */
export interface TypedValue {
  type: Exclude<ValueType, 'array'> | number
  value: MetadataValue
}

export interface WrittenTensor {
  name: string
  /** GGML's number may stand for a type that this project does not know. */
  type: TensorType | number
  /** GGUF order: the contiguous dimension first. */
  dims: readonly (number | bigint)[]
  data: Uint8Array
  /** From the start of the tensor data; default: behind the tensor before. */
  offset?: number | bigint
}

/** What to write. The optional fields are there to write files that lie. */
export interface GgufContent {
  metadata: Iterable<readonly [string, MetadataValue | TypedValue]>
  tensors: readonly WrittenTensor[]
  /** Default 3. */
  version?: number
  /** Default: the entry `general.alignment`, or 32. */
  alignment?: number
  numTensors?: number | bigint
  numEntries?: number | bigint
}

/**
 * A GGUF file. Types of plain metadata values are inferred: integers are u32, i32 or i64, other numbers
 * f64, bigints u64 or i64. For tests.
 */
export function writeGguf(content: GgufContent): Uint8Array<ArrayBuffer> {
  const entries = [...content.metadata]
  const declared = entries.find(([key]) => key === 'general.alignment')?.[1]
  const alignment = content.alignment ?? (typeof declared === 'number' ? declared : 32)
  const file = new ByteSink()
  file.bytes(new TextEncoder().encode('GGUF'))
  file.scalar('u32', content.version ?? 3)
  file.scalar('u64', content.numTensors ?? content.tensors.length)
  file.scalar('u64', content.numEntries ?? entries.length)
  for (const [key, value] of entries) writeEntry(file, key, value)
  writeTensors(file, content.tensors, alignment)
  return file.result()
}

function writeTensors(file: ByteSink, tensors: readonly WrittenTensor[], alignment: number): void {
  let next = 0
  for (const { name, type, dims, data, offset } of tensors) {
    file.string(name)
    file.scalar('u32', dims.length)
    for (const dim of dims) file.scalar('u64', dim)
    file.scalar('u32', typeof type === 'number' ? type : tensorTypes[type].ggmlId)
    file.scalar('u64', offset ?? next)
    next = Math.ceil((next + data.length) / alignment) * alignment
  }
  for (const { data } of tensors) {
    file.align(alignment)
    file.bytes(data)
  }
}

function writeEntry(file: ByteSink, key: string, entry: MetadataValue | TypedValue): void {
  const isTyped = typeof entry === 'object' && !Array.isArray(entry)
  const value = isTyped ? entry.value : entry
  file.string(key)
  if (Array.isArray(value)) file.scalar('u32', valueTypes.indexOf('array'))
  writeValue(file, value, isTyped ? entry.type : inferType(value))
}

function writeValue(file: ByteSink, value: MetadataValue, type: ValueType | number): void {
  file.scalar('u32', typeof type === 'number' ? type : valueTypes.indexOf(type))
  if (!Array.isArray(value)) {
    writeBare(file, value, type)
    return
  }
  file.scalar('u64', value.length)
  for (const element of value) {
    if (Array.isArray(element)) writeValue(file, element, inferType(element))
    else writeBare(file, element, type)
  }
}

function writeBare(
  file: ByteSink,
  value: string | number | bigint | boolean,
  type: ValueType | number,
): void {
  if (typeof value === 'string') file.string(value)
  else if (typeof type === 'string' && type in scalarBytes) file.scalar(type as ScalarType, value)
}

/** The type of a scalar, or the common type of an array's elements. */
function inferType(value: MetadataValue): ValueType {
  const values = Array.isArray(value) ? value : [value]
  const first = values[0]
  if (first === undefined || typeof first === 'string') return 'string'
  if (typeof first === 'boolean') return 'bool'
  if (Array.isArray(first)) return 'array'
  const numbers = values as (number | bigint)[]
  if (numbers.some(number => typeof number === 'number' && !Number.isInteger(number))) return 'f64'
  const fits = (low: number, high: number) => numbers.every(number => number >= low && number <= high)
  if (typeof first === 'number' && fits(0, 2 ** 32 - 1)) return 'u32'
  if (typeof first === 'number' && fits(-(2 ** 31), 2 ** 31 - 1)) return 'i32'
  return typeof first === 'bigint' && fits(0, 2 ** 64) ? 'u64' : 'i64'
}

class ByteSink {
  #pieces: Uint8Array[] = []
  #length = 0

  bytes(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text)
    this.scalar('u64', bytes.length)
    this.bytes(bytes)
  }

  scalar(type: ScalarType, value: number | bigint | boolean): void {
    const piece = new Uint8Array(scalarBytes[type])
    write[type](new DataView(piece.buffer), value)
    this.bytes(piece)
  }

  align(alignment: number): void {
    this.bytes(new Uint8Array((alignment - (this.#length % alignment)) % alignment))
  }

  result(): Uint8Array<ArrayBuffer> {
    const result = new Uint8Array(this.#length)
    let at = 0
    for (const piece of this.#pieces) {
      result.set(piece, at)
      at += piece.length
    }
    return result
  }
}

const write: Record<ScalarType, (view: DataView, value: number | bigint | boolean) => void> = {
  u8: (view, value) => view.setUint8(0, Number(value)),
  i8: (view, value) => view.setInt8(0, Number(value)),
  u16: (view, value) => view.setUint16(0, Number(value), true),
  i16: (view, value) => view.setInt16(0, Number(value), true),
  u32: (view, value) => view.setUint32(0, Number(value), true),
  i32: (view, value) => view.setInt32(0, Number(value), true),
  f32: (view, value) => view.setFloat32(0, Number(value), true),
  bool: (view, value) => view.setUint8(0, Number(value)),
  u64: (view, value) => view.setBigUint64(0, BigInt(value), true),
  i64: (view, value) => view.setBigInt64(0, BigInt(value), true),
  f64: (view, value) => view.setFloat64(0, Number(value), true),
}
