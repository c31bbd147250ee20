import { bytesOfToken } from './byte-alphabet'
import { tokenKind, type Vocabulary } from './vocabulary'

/** SentencePiece's sign for a space. */
export const spaceMark = '▁'
export const bytePattern = /^<0x([0-9A-Fa-f]{2})>$/

const utf8 = new TextEncoder()

/** How a vocabulary writes text. The bytes of a normal, user-defined or byte token. */
export const tokenBytes = {
  /** A user-defined token is written as plain text, others in the byte alphabet. */
  bytes(vocabulary: Vocabulary, id: number): Uint8Array {
    const token = vocabulary.tokens[id]!
    const isPlain = vocabulary.kinds[id] === tokenKind.userDefined
    return (isPlain ? undefined : bytesOfToken(token)) ?? utf8.encode(token)
  },
  /** Text with marks for spaces; `<0x0A>` is a byte where the vocabulary says so. */
  pieces(vocabulary: Vocabulary, id: number): Uint8Array {
    const token = vocabulary.tokens[id]!
    const byte = bytePattern.exec(token)
    if (byte && vocabulary.kinds[id] === tokenKind.byte) return Uint8Array.of(Number.parseInt(byte[1]!, 16))
    return utf8.encode(token.replaceAll(spaceMark, ' '))
  },
}
