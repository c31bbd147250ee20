const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)

/** The number that 16 bits mean in IEEE 754 half precision. */
export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The 16 bits of the nearest half-precision number, ties to even. */
export function toFloat16(value: number): number {
  float[0] = value
  const sign = (bits[0]! >>> 16) & 0x8000
  const magnitude = Math.abs(float[0]!)
  if (Number.isNaN(magnitude)) return sign | 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)))
  const steps = roundToEven(magnitude * 2 ** (10 - exponent))
  // `steps` holds the implicit bit, and a carry out of the fraction lands in the exponent by itself.
  return sign | (steps + (exponent + 14) * 1024)
}

/** bfloat16 is the upper half of an f32. */
export function fromBfloat16(half: number): number {
  bits[0] = half << 16
  return float[0]!
}

/** The 16 bits of the nearest bfloat16 number, ties to even. */
export function toBfloat16(value: number): number {
  float[0] = value
  const word = bits[0]!
  if (Number.isNaN(value)) return (word >>> 16) | 64
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
}

function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
