/** Text out of tokens that may end in the middle of a character. */
export interface StreamingDecoder {
  /** The text that is complete with this token: never a part of a character. */
  push(id: number): string
  /** The end of the text: U+FFFD if a character is left unfinished. Begins anew afterwards. */
  flush(): string
}

/** The bytes of tokens as text. A byte order mark is text like any other. */
export const utf8Decoder = () => new TextDecoder('utf-8', { ignoreBOM: true })

export function streamingDecoder(bytesOf: (id: number) => Uint8Array): StreamingDecoder {
  const decoder = utf8Decoder()
  return {
    push: id => decoder.decode(bytesOf(id), { stream: true }),
    flush: () => decoder.decode(),
  }
}
