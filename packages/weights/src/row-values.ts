import { invariant } from '@foretoken/errors'
import { type AffineType, packAffine, sideWords, unpackAffine } from './affine-blocks'
import { fromFloat16, toBfloat16, toFloat16 } from './float16'
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
  else if (type === 'f16') readFloat16(halves(data.subarray(0, bytes)), values)
  else if (type === 'bf16') readBfloat16(halves(data.subarray(0, bytes)), values)
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

/** Every f16 number by its bits: models are read by the billion. */
let float16s: Float32Array | undefined

function readFloat16(source: Uint16Array, values: Float32Array): void {
  float16s ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromFloat16(half))
  for (let i = 0; i < values.length; i++) values[i] = float16s[source[i]!]!
}

/** bfloat16 is the upper half of an f32. */
function readBfloat16(source: Uint16Array, values: Float32Array<ArrayBuffer>): void {
  const words = new Uint32Array(values.buffer)
  for (let i = 0; i < words.length; i++) words[i] = source[i]! << 16
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

/** In f32 at every step and halves away from zero, as the reference quantises: the same bytes (gguf.quants). */
function writeQ8(values: Float32Array, bytes: Uint8Array): void {
  for (let start = 0, at = 0; start < values.length; start += 32, at += 34) {
    let most = 0
    for (let i = start; i < start + 32; i++) {
      const size = Math.abs(values[i]!)
      if (size > most) most = size
    }
    const scale = Math.fround(most / 127)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    writeScale(bytes, at, scale)
    for (let i = 0; i < 32; i++) {
      const steps = Math.fround(values[start + i]! * inverse)
      bytes[at + 2 + i] = (steps < 0 ? steps - 0.5 : steps + 0.5) | 0
    }
  }
}

/** The value farthest from zero is -8 steps, whatever its sign. In f32 at every step, as above. */
function writeQ4(values: Float32Array, bytes: Uint8Array): void {
  for (let start = 0, at = 0; start < values.length; start += 32, at += 18) {
    let extreme = 0
    for (let i = start; i < start + 32; i++) {
      if (Math.abs(values[i]!) > Math.abs(extreme)) extreme = values[i]!
    }
    const scale = Math.fround(extreme / -8)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    writeScale(bytes, at, scale)
    const nibble = (value: number) => Math.min(15, Math.fround(Math.fround(value * inverse) + 8.5) | 0)
    for (let i = start; i < start + 16; i++) {
      bytes[at + 2 + i - start] = nibble(values[i]!) | (nibble(values[i + 16]!) << 4)
    }
  }
}

function writeScale(bytes: Uint8Array, at: number, scale: number): void {
  const half = toFloat16(scale)
  bytes[at] = half & 255
  bytes[at + 1] = half >> 8
}
