import { type Merge, MergeQueue } from './merge-queue'
import { booleanField, type Metadata, numbersField, required } from './metadata-field'
import type { PieceEncoder } from './piece-encoder'
import { bytePattern, spaceMark, tokenBytes } from './token-bytes'
import { isWritten, requireLength, tokenKind, type Vocabulary } from './vocabulary'

interface ScoredMerge extends Merge {
  right: number
  /** Of both: one may meanwhile have been merged otherwise. */
  text: string
}

/**
 * SentencePiece BPE ('llama'): neighbours whose joined text is a token are merged, the highest score
 * first and the leftmost among equals; what is no token becomes its bytes. A list of ranked merges, as
 * tokenizer.json has it, cannot express that tie, hence this code. Source: llama.cpp's SPM tokenizer.
 */
export class ScoreEncoder implements PieceEncoder {
  readonly addsBos = true
  readonly addsSpace: boolean
  #vocabulary: Vocabulary
  #scores: readonly number[]
  #idOf = new Map<string, number>()
  #byteIds = new Map<number, number>()
  #bytes = new TextEncoder()

  constructor(vocabulary: Vocabulary, metadata: Metadata) {
    const key = 'tokenizer.ggml.scores'
    this.#vocabulary = vocabulary
    this.#scores = required(numbersField(metadata, key), key)
    requireLength(this.#scores, key, vocabulary.tokens.length)
    this.addsSpace = booleanField(metadata, 'tokenizer.ggml.add_space_prefix') ?? true
    for (const [id, token] of vocabulary.tokens.entries()) this.#register(id, token)
  }

  /** As llama.cpp does, a text behind a special token gets its space, too. */
  encode(text: string): number[] {
    const prefix = this.addsSpace ? ' ' : ''
    const pieces = Array.from((prefix + text).replaceAll(' ', spaceMark))
    const merged = this.#merge(pieces)
    return merged.flatMap(piece => this.#idOf.get(piece) ?? this.#fallback(piece))
  }

  bytesOf(id: number): Uint8Array {
    return tokenBytes.pieces(this.#vocabulary, id)
  }

  /** Text may only become tokens that stand for text: control, unused and byte tokens are left out. */
  #register(id: number, token: string): void {
    const kind = this.#vocabulary.kinds[id]
    const byte = bytePattern.exec(token)
    if (kind === tokenKind.byte && byte) this.#byteIds.set(Number.parseInt(byte[1]!, 16), id)
    else if (isWritten(kind)) this.#idOf.set(token.replaceAll(' ', spaceMark), id)
  }

  /** `pieces` is changed: a piece that was merged into its left neighbour becomes ''. */
  #merge(pieces: string[]): string[] {
    const next = Array.from(pieces, (_, i) => i + 1)
    const previous = Array.from(pieces, (_, i) => i - 1)
    const queue = new MergeQueue<ScoredMerge>()
    const offer = (left: number, right: number) => {
      if (left < 0 || right >= pieces.length) return
      const text = pieces[left]! + pieces[right]!
      const id = this.#idOf.get(text)
      if (id !== undefined) queue.push({ left, right, text, score: this.#scores[id]! })
    }
    for (let i = 0; i + 1 < pieces.length; i++) offer(i, i + 1)
    for (let merge = queue.pop(); merge; merge = queue.pop()) {
      const { left, right, text } = merge
      if (pieces[left] === '' || pieces[right] === '' || pieces[left]! + pieces[right]! !== text) continue
      pieces[left] = text
      pieces[right] = ''
      const after = next[right]!
      next[left] = after
      if (after < pieces.length) previous[after] = left
      offer(previous[left]!, left)
      offer(left, after)
    }
    return pieces.filter(piece => piece !== '')
  }

  #fallback(piece: string): number[] {
    const ids = Array.from(this.#bytes.encode(piece), byte => this.#byteIds.get(byte))
    if (!ids.includes(undefined)) return ids as number[]
    const { unknownId } = this.#vocabulary
    return unknownId === undefined ? [] : [unknownId]
  }
}
