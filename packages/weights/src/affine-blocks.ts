/**
 * GGML's blocks whose weights are scale * number + minimum, the number of 4 to 6 bits: all of them get one form on the
 * GPU, without loss. The number's low four bits stand where q4_0 has its own; its high bits and what scale and minimum
 * are made of go into the words beside. Source of the layouts in files: GGML.
 */
import { fromFloat16 } from './float16'
import { type TensorType, tensorTypes } from './tensor-type'

export type AffineType = Exclude<TensorType, 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q4_0'>

interface Form {
  /** Bits of a number beyond the low four. */
  highBits: 0 | 1 | 2
  /** Words of 64 columns that scales and minima are made of. The words of the high bits follow. */
  scaleWords: 1 | 2
  /** What the number 0 counts from: the minimum is -centre * scale. */
  centre: number
  /** The numbers of 32 columns, four in a word, a byte each; `at` is the block's place, `part` says which 32 of it. */
  readNumbers(view: DataView, at: number, part: number, numbers: Uint32Array): void
  /** Of the same columns into the words of their 64, of which they are the half 0 or 1. */
  packScales(view: DataView, at: number, part: number, words: Uint32Array, base: number, half: number): void
  /** Scale and minimum of group g, 16 of the 64 columns whose words begin at `base`. */
  line(words: Uint32Array, base: number, g: number): [scale: number, minimum: number]
}

const lowNibbles = 0x0f0f0f0f
const oneBits = 0x01010101
const float = new Float32Array(1)
const floatBits = new Uint32Array(float.buffer)
const halfOf = (word: number, half: number) => (word >>> (16 * half)) & 0xffff

/** An f16 scale and an f16 minimum per 32 columns: a word. */
const ownPair: Pick<Form, 'scaleWords' | 'centre' | 'packScales' | 'line'> = {
  scaleWords: 2,
  centre: 0,
  packScales(view, at, _part, words, base, half) {
    words[base + half] = view.getUint32(at, true)
  },
  line(words, base, g) {
    const word = words[base + (g >> 1)]!
    return [fromFloat16(halfOf(word, 0)), fromFloat16(halfOf(word, 1))]
  },
}

/** f16 factors of 256 columns' scales and minima, a word; per 32 columns 6 bits of each, which take a byte here. */
const sharedPair: typeof ownPair = {
  scaleWords: 2,
  centre: 0,
  packScales(view, at, part, words, base, half) {
    const byte = (i: number) => view.getUint8(at + 4 + i)
    const scale = part < 4 ? byte(part) & 63 : (byte(part + 4) & 15) | ((byte(part - 4) >> 6) << 4)
    const minimum = part < 4 ? byte(part + 4) & 63 : (byte(part + 4) >> 4) | ((byte(part) >> 6) << 4)
    words[base] = view.getUint32(at, true)
    words[base + 1]! |= (scale | (minimum << 8)) << (16 * half)
  },
  line(words, base, g) {
    const own = halfOf(words[base + 1]!, g >> 1)
    const factor = (half: number) => fromFloat16(halfOf(words[base]!, half))
    return [factor(0) * (own & 255), -(factor(1) * (own >> 8))]
  },
}

/** Bytes of two numbers each: element i of 32 in the low half of byte i, element i + 16 in the high one. */
function readNibbles(view: DataView, at: number, numbers: Uint32Array): void {
  for (let i = 0; i < 4; i++) {
    const word = view.getUint32(at + 4 * i, true)
    numbers[i] = word & lowNibbles
    numbers[i + 4] = (word >>> 4) & lowNibbles
  }
}

/** Bit i of a word is the fifth of element i. */
function addFifthBits(bits: number, numbers: Uint32Array): void {
  for (let i = 0; i < 8; i++) {
    const four = (bits >>> (4 * i)) & 15
    numbers[i]! |= ((four * 0x204081) & oneBits) << 4
  }
}

/** Of a block of 256: 64 elements in 32 bytes, those of the even part in the low halves. */
function readHalvedNibbles(view: DataView, at: number, part: number, numbers: Uint32Array): void {
  const from = at + 32 * (part >> 1)
  const shift = 4 * (part & 1)
  for (let i = 0; i < 8; i++) numbers[i] = (view.getUint32(from + 4 * i, true) >>> shift) & lowNibbles
}

const affineForms: Record<AffineType, Form> = {
  q4_1: {
    ...ownPair,
    highBits: 0,
    readNumbers: (view, at, _part, numbers) => readNibbles(view, at + 4, numbers),
  },
  q5_1: {
    ...ownPair,
    highBits: 1,
    readNumbers(view, at, _part, numbers) {
      readNibbles(view, at + 8, numbers)
      addFifthBits(view.getUint32(at + 4, true), numbers)
    },
  },
  q5_0: {
    highBits: 1,
    scaleWords: 1,
    centre: 16,
    readNumbers(view, at, _part, numbers) {
      readNibbles(view, at + 6, numbers)
      addFifthBits(view.getUint32(at + 2, true), numbers)
    },
    packScales(view, at, _part, words, base, half) {
      words[base]! |= view.getUint16(at, true) << (16 * half)
    },
    line: (words, base, g) => [fromFloat16(halfOf(words[base]!, g >> 1)), -0],
  },
  q4_k: {
    ...sharedPair,
    highBits: 0,
    readNumbers: (view, at, part, numbers) => readHalvedNibbles(view, at + 16, part, numbers),
  },
  q5_k: {
    ...sharedPair,
    highBits: 1,
    readNumbers(view, at, part, numbers) {
      readHalvedNibbles(view, at + 48, part, numbers)
      for (let i = 0; i < 8; i++) {
        numbers[i]! |= ((view.getUint32(at + 16 + 4 * i, true) >>> part) & oneBits) << 4
      }
    },
  },
  /**
   * A signed byte per 16 columns times the factor of 256, an f16 that is often below the least normal one: it becomes an
   * f32, which no device takes for 0.
   */
  q6_k: {
    highBits: 2,
    scaleWords: 2,
    centre: 32,
    readNumbers(view, at, part, numbers) {
      const [half, quarter] = [part >> 2, part & 3]
      const low = at + 64 * half + 32 * (quarter & 1)
      const high = at + 128 + 32 * half
      for (let i = 0; i < 8; i++) {
        const nibbles = (view.getUint32(low + 4 * i, true) >>> (4 * (quarter >> 1))) & lowNibbles
        const pairs = (view.getUint32(high + 4 * i, true) >>> (2 * quarter)) & (3 * oneBits)
        numbers[i] = nibbles | (pairs << 4)
      }
    },
    packScales(view, at, part, words, base, half) {
      float[0] = fromFloat16(view.getUint16(at + 208, true))
      words[base] = floatBits[0]!
      words[base + 1]! |= view.getUint16(at + 192 + 2 * part, true) << (16 * half)
    },
    line(words, base, g) {
      floatBits[0] = words[base]!
      return [float[0]! * ((words[base + 1]! << (24 - 8 * g)) >> 24), -0]
    },
  },
}

export const isAffine = (type: TensorType): type is AffineType => type in affineForms

/** Words beside the low bits that 64 columns take. */
export function sideWords(type: AffineType): number {
  const { scaleWords, highBits } = affineForms[type]
  return scaleWords + 2 * highBits
}

/**
 * One row of a file. quants: the low bits of 32 columns per four words, byte j holds column j and in its high half column
 * j + 16. side: per 64 columns the words of their scales, then those of their high bits, which go through the columns in
 * quads; byte c of a word has those of column c of quad after quad, from its low bits on.
 */
export function packAffine(type: AffineType, view: DataView, quants: Uint32Array, side: Uint32Array): void {
  const form = affineForms[type]
  const { highBits, scaleWords } = form
  const { elements, bytes } = tensorTypes[type]
  const numParts = (view.byteLength / bytes) * (elements / 32)
  const numbers = new Uint32Array(8)
  side.fill(0)
  for (let i = 0; i < numParts; i++) {
    const at = Math.floor((i * 32) / elements) * bytes
    const part = i % (elements / 32)
    const base = (i >> 1) * sideWords(type)
    form.readNumbers(view, at, part, numbers)
    form.packScales(view, at, part, side, base, i & 1)
    for (let quad = 0; quad < 4; quad++) {
      quants[4 * i + quad] = (numbers[quad]! & lowNibbles) | ((numbers[quad + 4]! & lowNibbles) << 4)
    }
    const high = base + scaleWords + (i & 1) * highBits
    for (let quad = 0; quad < 8 && highBits > 0; quad++) {
      const bit = quad * highBits
      side[high + (bit >> 3)]! |= ((numbers[quad]! >>> 4) & lowNibbles) << (bit & 7)
    }
  }
}

/** What a packed row means. The product is exact in an f32, and so is all but the sum with the minimum. */
export function unpackAffine(
  type: AffineType,
  quants: Uint32Array,
  side: Uint32Array,
  values: Float32Array,
): void {
  const form = affineForms[type]
  const { highBits, scaleWords, centre } = form
  const mask = (1 << highBits) - 1
  for (let group = 0; group < values.length / 16; group++) {
    const base = (group >> 2) * sideWords(type)
    const [scale, minimum] = form.line(side, base, group & 3)
    for (let i = 0; i < 16; i++) {
      const byte = 8 * (i & 3)
      const low = (quants[(group >> 1) * 4 + (i >> 2)]! >>> (byte + 4 * (group & 1))) & 15
      const bit = ((group & 3) * 4 + (i >> 2)) * highBits
      const high = highBits && (side[base + scaleWords + (bit >> 3)]! >>> (byte + (bit & 7))) & mask
      values[group * 16 + i] = scale * ((low | (high << 4)) - centre) + minimum
    }
  }
}
