/** Bytes that GPT-2's byte-level vocabulary writes as themselves: the printable ones of Latin-1. */
const isPrintable = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae

const byteOfCharacter = new Map<string, number>()
let numOthers = 0
for (let byte = 0; byte < 256; byte++) {
  const code = isPrintable(byte) ? byte : 256 + numOthers++
  byteOfCharacter.set(String.fromCharCode(code), byte)
}

/**
 * The bytes that a byte-level token stands for; undefined where it has a character outside that
 * alphabet. Source: GPT-2's encoder.
 */
export function bytesOfToken(token: string): Uint8Array | undefined {
  const bytes = Array.from(token, character => byteOfCharacter.get(character))
  return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[])
}
