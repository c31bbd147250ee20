/** How the text between special tokens becomes ids. Implemented once per tokenizer model. */
export interface PieceEncoder {
  /** Whether a BOS belongs before a text where the file does not say. */
  readonly addsBos: boolean
  /** @param isStart the text begins the sequence, or follows a special token */
  encode(text: string, isStart: boolean): number[]
  /** The bytes of a normal or user-defined token. */
  bytesOf(id: number): Uint8Array
}
