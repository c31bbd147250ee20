import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { badModel } from './bad-model'
import { bytesOfToken } from './byte-alphabet'
import { type Metadata, required, stringsField } from './metadata-field'
import type { PieceEncoder } from './piece-encoder'
import { type PreTokenizer, readPreTokenizer } from './pre-tokenizer'
import { isWritten, tokenKind, type Vocabulary } from './vocabulary'

/** Byte-level BPE ('gpt2'), as a tokenizer.json made in memory. */
export class ByteLevelEncoder implements PieceEncoder {
  readonly addsBos: boolean
  #vocabulary: Vocabulary
  #tokenizer: HuggingFaceTokenizer
  #bytes = new TextEncoder()

  constructor(vocabulary: Vocabulary, metadata: Metadata) {
    const pre = readPreTokenizer(metadata)
    this.#vocabulary = vocabulary
    this.addsBos = pre.addsBos ?? false
    this.#tokenizer = new HuggingFaceTokenizer(
      tokenizerJson(vocabulary, readMerges(vocabulary, metadata), pre),
      {},
    )
  }

  encode(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids
  }

  /** A user-defined token is written as plain text, others in the byte alphabet. */
  bytesOf(id: number): Uint8Array {
    const token = this.#vocabulary.tokens[id]!
    const isPlain = this.#vocabulary.kinds[id] === tokenKind.userDefined
    return (isPlain ? undefined : bytesOfToken(token)) ?? this.#bytes.encode(token)
  }
}

function readMerges(vocabulary: Vocabulary, metadata: Metadata): [string, string][] {
  const key = 'tokenizer.ggml.merges'
  const known = new Set(vocabulary.tokens)
  return required(stringsField(metadata, key), key).map((merge, index) => {
    const [left, right, ...rest] = merge.split(' ')
    if (!left || !right || rest.length > 0) {
      const expected = 'two tokens with a space between'
      const message = `${key}[${index}] is "${merge}", expected ${expected}.`
      throw badModel(message, { key, index, expected, found: merge })
    }
    if (!known.has(left + right)) {
      const expected = `a token "${left}${right}"`
      const message = `${key}[${index}] needs ${expected}, which the vocabulary does not have.`
      throw badModel(message, { key, index, expected, found: merge })
    }
    return [left, right]
  })
}

/** Special tokens are left out of it: text must not become one, and the caller finds them itself. */
function tokenizerJson({ tokens, kinds }: Vocabulary, merges: [string, string][], pre: PreTokenizer) {
  const entries = tokens.map((token, id) => [token, id] as const).filter(([, id]) => isWritten(kinds[id]))
  const written = new Map(entries)
  const splits = pre.splits.map(pattern => ({
    type: 'Split',
    pattern: { Regex: pattern },
    behavior: 'Isolated',
    invert: false,
  }))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  return {
    added_tokens: [],
    normalizer: pre.composes ? { type: 'NFC' } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits, byteLevel] },
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(entries),
      // A merge into a token that is left out would lose its text.
      merges: merges.filter(([left, right]) => written.has(left + right)),
      ignore_merges: pre.ignoreMerges ?? false,
    },
  }
}
