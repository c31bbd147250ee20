import { badModel } from './bad-model'
import type { ValueType } from './gguf-value'

/** A step of the header parser: it yields how many bytes it needs and is resumed with them. */
export type Parse<T> = Generator<number, T, Uint8Array>

const maxHeaderBytes = 512 * 2 ** 20
const maxStringBytes = 64 * 2 ** 20
/** Of all arrays. Gemma's tokenizer has 1.3 million; each takes more room than its bytes in the file. */
const maxElements = 2 ** 21

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Reads a GGUF header's primitive values and checks each length before it is used. Little-endian. */
export class GgufCursor {
  offset = 0
  /** What is being read, for messages: a metadata key or a tensor's name. */
  subject: { key?: string; tensor?: string } = {}

  #elements = 0

  /** @param fileBytes the file's size where it is certain */
  constructor(readonly fileBytes: number | undefined) {}

  *bytes(count: number): Parse<Uint8Array> {
    this.require(count)
    const bytes = yield count
    if (bytes.length < count) throw this.truncated(count, bytes.length)
    this.offset += count
    return bytes
  }

  *u32(): Parse<number> {
    const bytes = yield* this.bytes(4)
    return view(bytes).getUint32(0, true)
  }

  /** A u64 that counts something: a safe integer up to `limit`. */
  *count(what: string, limit = Number.MAX_SAFE_INTEGER): Parse<number> {
    const bytes = yield* this.bytes(8)
    const count = view(bytes).getBigUint64(0, true)
    if (count > limit) throw this.error(`${what} is ${count}`, `at most ${limit}`, Number(count))
    return Number(count)
  }

  *string(limit = maxStringBytes): Parse<string> {
    const length = yield* this.count('a string length', limit)
    const bytes = yield* this.bytes(length)
    return shortText(bytes) ?? decoder.decode(bytes)
  }

  /** The length of an array: with all before it, no more than a header has reason to hold. */
  *length(): Parse<number> {
    const length = yield* this.count('an array length')
    this.#elements += length
    if (this.#elements <= maxElements) return length
    throw this.error(`the arrays are too long`, `at most ${maxElements} elements`, this.#elements)
  }

  /** Throws unless `count` more bytes can be there. */
  require(count: number): void {
    const left = (this.fileBytes ?? Number.POSITIVE_INFINITY) - this.offset
    if (count > left) throw this.truncated(count, left)
    if (this.offset + count > maxHeaderBytes) {
      throw this.error('the header is too long', `at most ${maxHeaderBytes} bytes`, this.offset + count)
    }
  }

  /** `message` is a clause without capital and period. */
  error(message: string, expected: unknown, found: unknown) {
    const at = `at byte ${this.offset}${this.#naming()}`
    const details = { offset: this.offset, expected, found, ...this.subject }
    return badModel(`Broken GGUF header: ${message} ${at}; expected ${expected}.`, details)
  }

  unknownType(type: number, types: readonly ValueType[]) {
    return this.error(`unknown value type ${type}`, `0 to ${types.length - 1}`, type)
  }

  truncated(expected: number, found: number) {
    return badModel(
      `The file ends inside its header: ${expected} bytes expected at byte ${this.offset}${this.#naming()}, ` +
        `${found} found. It was probably not downloaded or copied whole.`,
      { offset: this.offset, expected, found, ...this.subject },
    )
  }

  #naming(): string {
    const { key, tensor } = this.subject
    if (tensor !== undefined) return ` (tensor ${tensor})`
    return key === undefined ? '' : ` (key ${key})`
  }
}

const codes = new Uint16Array(64)

/**
 * Short texts of characters below U+0800, as nearly all of a byte-level vocabulary are: a decoder makes an object of the
 * browser's for each, which for a header's 400,000 comes to 55 MB. Undefined for others.
 */
function shortText(bytes: Uint8Array): string | undefined {
  if (bytes.length > codes.length) return undefined
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    const first = bytes[i]!
    if (first < 0x80) codes[length++] = first
    else {
      const second = bytes[++i] ?? 0
      if (first < 0xc2 || first > 0xdf || second >> 6 !== 2) return undefined
      codes[length++] = ((first & 0x1f) << 6) | (second & 0x3f)
    }
  }
  return String.fromCharCode.apply(null, codes.subarray(0, length) as unknown as number[])
}

export const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
