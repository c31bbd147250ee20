import type { TensorType } from './tensor-type'

export type MetadataValue = string | number | bigint | boolean | MetadataValue[]
/** u64 and i64 are numbers when they are safe integers, otherwise bigints. */
export type Metadata = ReadonlyMap<string, MetadataValue>

/** One tensor as the file's header tells it. */
export interface TensorInfo {
  name: string
  type: TensorType
  /** 1 for a vector; the product of all dimensions but the first for more than two. */
  rows: number
  /** GGUF's first dimension, contiguous in the file. */
  columns: number
  /** Of the first byte, from the start of the file. */
  offset: number
  bytes: number
}

export const valueTypes = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const

/** A metadata value's type; its number in the file is its place in `valueTypes`. Source: the GGUF specification. */
export type ValueType = (typeof valueTypes)[number]
export type ScalarType = Exclude<ValueType, 'string' | 'array'>

export const scalarBytes: Record<ScalarType, number> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
}

const narrow = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

/** Reads one little-endian scalar. */
export const readScalar: Record<ScalarType, (view: DataView, at: number) => number | bigint | boolean> = {
  u8: (view, at) => view.getUint8(at),
  i8: (view, at) => view.getInt8(at),
  u16: (view, at) => view.getUint16(at, true),
  i16: (view, at) => view.getInt16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  i32: (view, at) => view.getInt32(at, true),
  f32: (view, at) => view.getFloat32(at, true),
  bool: (view, at) => view.getUint8(at) !== 0,
  u64: (view, at) => narrow(view.getBigUint64(at, true)),
  i64: (view, at) => narrow(view.getBigInt64(at, true)),
  f64: (view, at) => view.getFloat64(at, true),
}
