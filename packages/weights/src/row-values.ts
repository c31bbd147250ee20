import { invariant } from '@foretoken/errors'
import { type AffineType, packAffine, sideWords, unpackAffine } from './affine-blocks'
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './float16'
import { halves, viewOf } from './row-packing'
import { rowBytes, type TensorType } from './tensor-type'

/**
 * The first `count` elements of `data` (bytes as in the file) as numbers. `count` is a whole number of
 * blocks. Quantised formats as GGML reads them, to the bit: q8_0 = scale * int8, q4_0 = scale * (nibble - 8), others by
 * affine-blocks.ts.
 */
export function toFloat32(type: TensorType, data: Uint8Array, count: number): Float32Array<ArrayBuffer> {
  const bytes = rowBytes(type, count)
  invariant(bytes <= data.length, () => `${count} ${type} elements need ${bytes} bytes, not ${data.length}`)
  const values = new Float32Array(count)
  if (type === 'f32') new Uint8Array(values.buffer).set(data.subarray(0, bytes))
  else if (type === 'f16') values.set(Array.from(halves(data.subarray(0, bytes)), fromFloat16))
  else if (type === 'bf16') values.set(Array.from(halves(data.subarray(0, bytes)), fromBfloat16))
  else if (type === 'q8_0') readQ8(data, values)
  else if (type === 'q4_0') readQ4(data, values)
  else readAffine(type, data.subarray(0, bytes), values)
  return values
}

/** What this project writes itself. */
export const encodedTypes = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0'] as const satisfies readonly TensorType[]
export type EncodedType = (typeof encodedTypes)[number]

/** Numbers as the file's bytes, the inverse of `toFloat32` up to rounding. `values.length` is a whole number of blocks. */
export function encodeRows(type: EncodedType, values: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(rowBytes(type, values.length))
  if (type === 'f32') bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  else if (type === 'f16') new Uint16Array(bytes.buffer).set(Array.from(values, toFloat16))
  else if (type === 'bf16') new Uint16Array(bytes.buffer).set(Array.from(values, toBfloat16))
  else if (type === 'q8_0') writeQ8(values, bytes)
  else writeQ4(values, bytes)
  return bytes
}

function readQ8(data: Uint8Array, values: Float32Array): void {
  for (let block = 0; block < values.length / 32; block++) {
    const at = block * 34
    const scale = fromFloat16(data[at]! | (data[at + 1]! << 8))
    for (let i = 0; i < 32; i++) values[block * 32 + i] = scale * ((data[at + 2 + i]! << 24) >> 24)
  }
}

function readQ4(data: Uint8Array, values: Float32Array): void {
  for (let block = 0; block < values.length / 32; block++) {
    const at = block * 18
    const scale = fromFloat16(data[at]! | (data[at + 1]! << 8))
    for (let i = 0; i < 16; i++) {
      const byte = data[at + 2 + i]!
      values[block * 32 + i] = scale * ((byte & 15) - 8)
      values[block * 32 + i + 16] = scale * ((byte >> 4) - 8)
    }
  }
}

function readAffine(type: AffineType, data: Uint8Array, values: Float32Array): void {
  const quants = new Uint32Array(values.length / 8)
  const side = new Uint32Array(Math.ceil(values.length / 64) * sideWords(type))
  packAffine(type, viewOf(data), quants, side)
  unpackAffine(type, quants, side, values)
}

function writeQ8(values: Float32Array, bytes: Uint8Array): void {
  for (let block = 0; block < values.length / 32; block++) {
    const elements = values.subarray(block * 32, block * 32 + 32)
    const scale = elements.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
    writeScale(bytes, block * 34, scale)
    const inverse = scale === 0 ? 0 : 1 / scale
    for (let i = 0; i < 32; i++) bytes[block * 34 + 2 + i] = Math.round(elements[i]! * inverse)
  }
}

function writeQ4(values: Float32Array, bytes: Uint8Array): void {
  for (let block = 0; block < values.length / 32; block++) {
    const elements = values.subarray(block * 32, block * 32 + 32)
    const extreme = elements.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
    const scale = extreme / -8
    writeScale(bytes, block * 18, scale)
    const inverse = scale === 0 ? 0 : 1 / scale
    const nibble = (value: number) => Math.min(15, Math.floor(value * inverse + 8.5))
    for (let i = 0; i < 16; i++) {
      bytes[block * 18 + 2 + i] = nibble(elements[i]!) | (nibble(elements[i + 16]!) << 4)
    }
  }
}

function writeScale(bytes: Uint8Array, at: number, scale: number): void {
  const half = toFloat16(scale)
  bytes[at] = half & 255
  bytes[at + 1] = half >> 8
}
