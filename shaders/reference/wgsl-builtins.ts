/** WGSL's builtin functions on f32 and f16 bits, correctly rounded, for the kernels' scalar twins. */

const bits = new Uint32Array(1)
const floats = new Float32Array(bits.buffer)

/** a * b + c, rounded once: the product of two f32 is exact in a double. */
export const fma = (a: number, b: number, c: number) => Math.fround(a * b + c)

export function bitcastF32(word: number): number {
  bits[0] = word
  return floats[0]!
}

export function bitcastU32(value: number): number {
  floats[0] = value
  return bits[0]!
}

/** Two f16 in a word, the low half first. */
export function unpack2x16float(word: number): [number, number] {
  return [halfToFloat(word & 0xffff), halfToFloat(word >>> 16)]
}

/** Rounds to the nearest f16, ties to even. */
export function pack2x16float(low: number, high: number): number {
  return (floatToHalf(low) | (floatToHalf(high) << 16)) >>> 0
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 31
  const mantissa = half & 1023
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (exponent === 0) return sign * mantissa * 2 ** -24
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

function floatToHalf(value: number): number {
  const sign = bitcastU32(value) >>> 31 ? 0x8000 : 0
  const exponent = Math.max(((bitcastU32(value) >>> 23) & 255) - 127, -14)
  const steps = roundToEven(Math.abs(value) / 2 ** (exponent - 10)) // up to 2048: the carry is right as it is
  return sign | Math.min(((exponent + 14) << 10) + steps, 0x7c00)
}

/** `round` of WGSL. */
export function roundToEven(value: number): number {
  const down = Math.floor(value)
  const rest = value - down
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down
}
