/** How the text between special tokens becomes ids. Implemented once per tokenizer model. */
export interface PieceEncoder {
  /** Whether a BOS belongs before a text where the file does not say. */
  readonly addsBos: boolean
  /** Whether `encode` puts a space before the text that was not there. */
  readonly addsSpace: boolean
  /** @param isFirst no special token of the text stands before it */
  encode(text: string, isFirst: boolean): number[]
  /** The bytes of a normal or user-defined token. */
  bytesOf(id: number): Uint8Array
}
