import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { badModel } from './bad-model'
import type { PieceEncoder } from './piece-encoder'
import { RankedMerges } from './ranked-merges'
import { bytePattern, tokenBytes } from './token-bytes'
import { isWritten, tokenKind, type Vocabulary } from './vocabulary'

export interface Step {
  type: string
  [option: string]: unknown
}

/** What a tokenizer.json says of text between special tokens. */
export interface TextSteps {
  normalizer: Step | null
  preTokenizer: Step | null
  /** A word that is a token is taken whole. */
  ignoreMerges: boolean
  /** Read once. */
  merges: Iterable<readonly [string, string]>
}

/** The steps before the merges are those of @huggingface/tokenizers. */
type Library = Pick<HuggingFaceTokenizer, 'normalizer' | 'pre_tokenizer'>

/** BPE by ranked merges, as tokenizer.json has it. */
export class HuggingFaceEncoder implements PieceEncoder {
  #vocabulary: Vocabulary
  #ignoreMerges: boolean
  #library: Library
  /** Special tokens are left out of it: text must not become one, and the caller finds them itself. */
  #ids = new Map<string, number>()
  #byteIds = new Map<number, number>()
  #merges: RankedMerges
  #utf8 = new TextEncoder()

  constructor(
    vocabulary: Vocabulary,
    steps: TextSteps,
    readonly writing: keyof typeof tokenBytes,
    readonly addsBos: boolean,
    readonly addsSpace = false,
  ) {
    this.#vocabulary = vocabulary
    this.#ignoreMerges = steps.ignoreMerges
    this.#library = openLibrary(steps)
    const { tokens, kinds, special } = vocabulary
    for (const [id, token] of tokens.entries()) {
      const byte = kinds[id] === tokenKind.byte ? bytePattern.exec(token) : null
      if (byte) this.#byteIds.set(Number.parseInt(byte[1]!, 16), id)
      else if (isWritten(kinds[id])) this.#ids.set(special.get(id)?.text ?? token, id)
    }
    this.#merges = new RankedMerges(this.#ids, steps.merges, tokens.length)
  }

  encode(text: string, isFirst: boolean): number[] {
    const { normalizer, pre_tokenizer: preTokenizer } = this.#library
    const normal = normalizer?.(text) ?? text
    if (normal === '') return []
    // Only a first section is one for a pre-tokenizer that puts a space before it.
    const words = preTokenizer?.(normal, { section_index: isFirst ? 0 : 1 }) ?? [normal]
    const ids: number[] = []
    for (const word of words) for (const id of this.#encodeWord(word)) ids.push(id)
    return ids
  }

  bytesOf(id: number): Uint8Array {
    return tokenBytes[this.writing](this.#vocabulary, id)
  }

  #encodeWord(word: string): readonly number[] {
    const whole = this.#ignoreMerges ? this.#ids.get(word) : undefined
    return whole === undefined ? this.#merges.encode(word, this.#fallback) : [whole]
  }

  #fallback = (character: string): readonly number[] => {
    const ids = Array.from(this.#utf8.encode(character), byte => this.#byteIds.get(byte))
    if (!ids.includes(undefined)) return ids as number[]
    const { unknownId } = this.#vocabulary
    return unknownId === undefined ? [] : [unknownId]
  }
}

function openLibrary({ normalizer, preTokenizer }: TextSteps): Library {
  const model = { type: 'BPE', vocab: {}, merges: [] }
  const steps = { normalizer, pre_tokenizer: preTokenizer, post_processor: null, decoder: null }
  try {
    return new HuggingFaceTokenizer({ added_tokens: [], model, ...steps }, {})
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    throw badModel(`The model's tokenizer cannot be read: ${found}`, { key: 'tokenizer', found }, error)
  }
}
