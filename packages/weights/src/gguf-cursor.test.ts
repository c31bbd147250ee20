import fc from 'fast-check'
import { expect, it } from 'vitest'
import { GgufCursor } from './gguf-cursor'

function stringOf(bytes: Uint8Array): string {
  const parse = new GgufCursor(undefined).string()
  parse.next()
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true)
  parse.next(length)
  const { done, value } = parse.next(bytes)
  expect(done).toBe(true)
  return value as string
}

it('reads texts as TextDecoder does, broken ones among them', () => {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const encoder = new TextEncoder()
  const text = fc.string({ unit: 'grapheme', maxLength: 80 }).map(each => encoder.encode(each))
  // Few bits set: heads of two bytes and what may follow them meet often.
  const bytes = fc
    .uint8Array({ maxLength: 80 })
    .map(each => each.map(byte => [byte, 0xc0 | (byte & 0x1f), 0x80 | (byte & 0x3f)][byte % 3]!))
  fc.assert(
    fc.property(fc.oneof(text, bytes), each => {
      expect(stringOf(each)).toBe(decoder.decode(each))
    }),
    { numRuns: 500 },
  )
})
