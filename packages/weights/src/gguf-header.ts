import { badModel } from './bad-model'
import { GgufCursor, type Parse, view } from './gguf-cursor'
import {
  type Metadata,
  type MetadataValue,
  readScalar,
  scalarBytes,
  type TensorInfo,
  valueTypes,
} from './gguf-value'
import { tensorInfos } from './tensor-layout'

export interface GgufHeader {
  metadata: Metadata
  /** By ascending offset, without overlaps. */
  tensors: TensorInfo[]
}

/** A tensor as it stands in the file, before any of it is believed. */
export interface RawTensor {
  name: string
  /** GGUF order: the contiguous dimension first. */
  dims: number[]
  ggmlType: number
  /** From the start of the tensor data. */
  offset: number
}

const maxKeyBytes = 65535
const maxMetadata = 100_000
const maxTensors = 100_000
const maxDims = 4
const maxAlignment = 65536
const maxNesting = 4
const smallestEntryBytes = 13
const smallestTensorBytes = 32

/**
 * Parses a GGUF header, version 2 or 3, little-endian. Yields how many bytes it needs next and is
 * resumed with them (fewer: the file has ended), so it neither waits nor knows where bytes come from.
 * Throws `bad-model`. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function* parseGgufHeader(fileBytes: number | undefined): Parse<GgufHeader> {
  const cursor = new GgufCursor(fileBytes)
  yield* parseMagic(cursor)
  const numTensors = yield* cursor.count('the number of tensors', maxTensors)
  const numEntries = yield* cursor.count('the number of metadata entries', maxMetadata)
  cursor.require(numEntries * smallestEntryBytes + numTensors * smallestTensorBytes)
  const metadata = new Map<string, MetadataValue>()
  for (let i = 0; i < numEntries; i++) yield* parseEntry(cursor, metadata)
  const alignment = alignmentOf(metadata)
  const raw: RawTensor[] = []
  for (let i = 0; i < numTensors; i++) raw.push(yield* parseTensor(cursor))
  const dataOffset = Math.ceil(cursor.offset / alignment) * alignment
  return { metadata, tensors: tensorInfos(raw, dataOffset, alignment, fileBytes) }
}

function* parseMagic(cursor: GgufCursor): Parse<void> {
  const magic = yield Math.min(4, cursor.fileBytes ?? 4)
  if (String.fromCharCode(...magic) !== 'GGUF') {
    const found = quote(magic)
    throw badModel(`Not a GGUF file: it begins with ${found}, expected "GGUF".`, {
      offset: 0,
      expected: 'GGUF',
      found,
    })
  }
  cursor.offset = 4
  const version = yield* cursor.u32()
  if (version === 2 || version === 3) return
  const found = version
  if (version > 0 && (version & 0xffff) === 0) {
    throw badModel('This GGUF file is big-endian; only little-endian files can be read.', {
      offset: 4,
      expected: 'little-endian',
      found: 'big-endian',
    })
  }
  throw badModel(`GGUF version ${version} cannot be read; versions 2 and 3 can.`, {
    offset: 4,
    expected: [2, 3],
    found,
  })
}

function quote(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'nothing'
  const isText = bytes.every(byte => byte >= 0x20 && byte < 0x7f)
  if (isText) return JSON.stringify(String.fromCharCode(...bytes))
  return `bytes [${Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ')}]`
}

function* parseEntry(cursor: GgufCursor, metadata: Map<string, MetadataValue>): Parse<void> {
  cursor.subject = {}
  const key = yield* cursor.string(maxKeyBytes)
  cursor.subject = { key }
  if (metadata.has(key)) throw cursor.error(`metadata key ${key} stands twice`, 'each key once', key)
  metadata.set(key, yield* parseValue(cursor, yield* cursor.u32(), 0))
  cursor.subject = {}
}

function* parseValue(cursor: GgufCursor, typeId: number, depth: number): Parse<MetadataValue> {
  const type = valueTypes[typeId]
  if (type === undefined) throw cursor.unknownType(typeId, valueTypes)
  if (type === 'string') return yield* cursor.string()
  if (type === 'array') return yield* parseArray(cursor, depth)
  const bytes = yield* cursor.bytes(scalarBytes[type])
  return readScalar[type](view(bytes), 0)
}

function* parseArray(cursor: GgufCursor, depth: number): Parse<MetadataValue[]> {
  if (depth === maxNesting)
    throw cursor.error('arrays are nested too deeply', `at most ${maxNesting} levels`, depth)
  const typeId = yield* cursor.u32()
  const type = valueTypes[typeId]
  if (type === undefined) throw cursor.unknownType(typeId, valueTypes)
  const length = yield* cursor.length()
  if (type === 'string' || type === 'array') {
    cursor.require(length * (type === 'string' ? 8 : 12))
    const values: MetadataValue[] = []
    for (let i = 0; i < length; i++) {
      values.push(type === 'string' ? yield* cursor.string() : yield* parseArray(cursor, depth + 1))
    }
    return values
  }
  const size = scalarBytes[type]
  const data = view(yield* cursor.bytes(length * size))
  return Array.from({ length }, (_, i) => readScalar[type](data, i * size))
}

function alignmentOf(metadata: Metadata): number {
  const alignment = metadata.get('general.alignment') ?? 32
  const isPower = typeof alignment === 'number' && alignment > 0 && Number.isInteger(Math.log2(alignment))
  if (isPower && alignment <= maxAlignment) return alignment
  const expected = `a power of two up to ${maxAlignment}`
  throw badModel(`general.alignment is ${alignment}, expected ${expected}.`, {
    key: 'general.alignment',
    expected,
    found: alignment,
  })
}

function* parseTensor(cursor: GgufCursor): Parse<RawTensor> {
  cursor.subject = {}
  const name = yield* cursor.string(maxKeyBytes)
  cursor.subject = { tensor: name }
  const numDims = yield* cursor.u32()
  if (numDims < 1 || numDims > maxDims) {
    throw cursor.error(`the number of dimensions is ${numDims}`, `1 to ${maxDims}`, numDims)
  }
  const dims: number[] = []
  for (let i = 0; i < numDims; i++) dims.push(yield* cursor.count('a dimension'))
  const ggmlType = yield* cursor.u32()
  const offset = yield* cursor.count('a tensor offset')
  cursor.subject = {}
  return { name, dims, ggmlType, offset }
}
