/** Files that lie: seeded changes of bytes and of JSON. */

/** Numbers at which lengths, counts and offsets go wrong. */
const edges = [
  0,
  1,
  2,
  7,
  13,
  127,
  255,
  256,
  65535,
  65536,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 40,
  2 ** 53 - 1,
]
const words = [
  '',
  ' ',
  'x',
  '__proto__',
  'constructor',
  'toString',
  'F32',
  'BPE',
  'ByteLevel',
  'Sequence',
  '▁',
  '\u0000',
  '\ud800',
  '(',
  '(?<',
  '[a',
  '\\p{',
  '(a*)*b',
]

/** Or repeated repeats make files of 100 MB. */
const longestText = 100_000
const lists = ['normalizers', 'pretokenizers', 'decoders', 'processors']

export class Mutator {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** 0 to n - 1. Source: mulberry32. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(n, 1)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  /** One to four changes of bytes. */
  bytes(seed: Uint8Array): Uint8Array<ArrayBuffer> {
    let bytes = Uint8Array.from(seed)
    for (let i = this.below(4); i >= 0; i--) bytes = this.#changed(bytes)
    return bytes
  }

  /** One to four changes of values, or of the text. */
  json(seed: unknown): string {
    const copy = structuredClone({ root: seed })
    for (let i = this.below(4); i >= 0; i--) this.#changeValue(copy)
    const text = JSON.stringify(copy.root) ?? ''
    return this.below(4) === 0 ? Buffer.from(this.bytes(Buffer.from(text))).toString() : text
  }

  #changed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const at = this.below(bytes.length)
    const length = this.below(Math.min(40, bytes.length - at))
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    switch (this.below(7)) {
      case 0:
        if (bytes.length > 0) bytes[at]! ^= 1 << this.below(8)
        return bytes
      case 1:
        if (bytes.length > 0) bytes[at] = this.below(256)
        return bytes
      case 2:
        if (at + 4 <= bytes.length) view.setUint32(at, this.pick(edges) % 2 ** 32, true)
        return bytes
      case 3:
        if (at + 8 <= bytes.length)
          view.setBigUint64(at, BigInt(this.pick(edges)) << BigInt(this.below(2) * 11), true)
        return bytes
      case 4:
        return bytes.slice(0, at)
      case 5:
        return joined(bytes.slice(0, at), bytes.slice(at + length))
      default:
        return joined(bytes.slice(0, at + length), bytes.slice(at))
    }
  }

  /** Of a value somewhere in `holder`. */
  #changeValue(holder: object): void {
    let place = holder as Record<string, unknown>
    let key = this.pick(Object.keys(place))
    for (let value = place[key]; isHolder(value) && this.below(5) > 0; value = place[key]) {
      place = value as Record<string, unknown>
      key = this.pick(Object.keys(place))
    }
    if (this.below(6) === 0 && place !== holder) delete place[key]
    else if (this.below(6) === 0) place[this.pick(words)] = place[key]
    else place[key] = this.#value(place[key])
  }

  #value(old: unknown): unknown {
    switch (this.below(9)) {
      case 0:
        return this.pick(edges)
      case 1:
        return this.pick([-1, 0.5, 1e308, -0, null, true, false])
      case 2:
        return this.pick(words)
      case 3:
        return []
      case 4:
        return {}
      case 5:
        return [old, old]
      case 6:
        return {
          type: 'Sequence',
          normalizers: [old],
          pretokenizers: [old],
          decoders: [old],
          processors: [old],
        }
      case 7:
        return typeof old === 'string'
          ? old.repeat(this.pick([2, 100])).slice(0, longestText)
          : this.pick(words)
      default:
        return nested(old, this.pick([3, 300]), this.pick(lists))
    }
  }
}

const isHolder = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0

/** Of lists and of sequences; one key each, or it would grow as a power of the depth. */
function nested(value: unknown, depth: number, list: string): unknown {
  let held = value
  for (let i = 0; i < depth; i++) held = [{ type: 'Sequence', [list]: held }]
  return { type: 'Sequence', [list]: held }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}
