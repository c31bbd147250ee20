import type { Tokenizer } from '@foretoken/tokenizer'

/** Bytes that stand in no UTF-8. XGrammar takes them for the first of a character. */
const isNoText = (byte: number): boolean => byte === 0xc0 || byte === 0xc1 || byte > 0xf4

/** What a grammar sees of a token: none for a control token, and for one that is in no text. */
export function textBytes(tokenizer: Tokenizer, id: number): Uint8Array {
  const bytes = tokenizer.tokenBytes(id)
  return bytes.some(isNoText) ? new Uint8Array() : bytes
}
