import { EngineError } from '@foretoken/errors'
import { ByteLevelEncoder } from './byte-level-encoder'
import { type ChatMessage, ChatTemplate, transcript } from './chat-template'
import { type Metadata, stringField } from './metadata-field'
import type { PieceEncoder } from './piece-encoder'
import { ScoreEncoder } from './score-encoder'
import { SpecialTokens } from './special-tokens'
import { type StreamingDecoder, streamingDecoder, utf8Decoder } from './streaming-decoder'
import { TextShield } from './text-shield'
import { isWritten, readVocabulary, tokenKind, type Vocabulary } from './vocabulary'

export interface EncodeOptions {
  /** BOS first, where the model has one. Default: as the file says. */
  bos?: boolean
  /** Control tokens written in the text are read as such. Default false: they stay text. */
  special?: boolean
}

export interface Tokenizer {
  readonly vocabSize: number
  readonly bosId: number | undefined
  /** Every id that ends a turn, ascending. */
  readonly endIds: readonly number[]
  readonly hasChatTemplate: boolean
  encode(text: string, options?: EncodeOptions): number[]
  /**
   * A conversation up to the answer that is asked for, through the model's chat template, or as a plain
   * transcript where it has none. No message can forge a control token. Throws `bad-request` where the
   * template refuses the messages, `bad-model` where it cannot be parsed.
   */
  encodeChat(messages: readonly ChatMessage[]): number[]
  /** Empty for control tokens and for ids outside the vocabulary. */
  tokenBytes(id: number): Uint8Array
  /** The tokens' bytes as UTF-8; a space that `encode` put first stays. */
  decode(ids: Iterable<number>): string
  decoder(): StreamingDecoder
  /** The vocabulary's entry, '' for ids outside it. */
  tokenText(id: number): string
}

/** The tokenizer that a GGUF file describes. Throws `bad-model` where it is inconsistent or not supported. */
export function tokenizerFromGguf(metadata: Metadata): Tokenizer {
  return new GgufTokenizer(metadata)
}

class GgufTokenizer implements Tokenizer {
  readonly vocabSize: number
  readonly bosId: number | undefined
  readonly endIds: readonly number[]
  #vocabulary: Vocabulary
  #encoder: PieceEncoder
  #addBos: boolean
  #userDefined: SpecialTokens
  #special: SpecialTokens
  #shield: TextShield
  #template: ChatTemplate | undefined

  constructor(metadata: Metadata) {
    const vocabulary = readVocabulary(metadata)
    this.#vocabulary = vocabulary
    this.vocabSize = vocabulary.tokens.length
    this.bosId = vocabulary.bosId
    this.endIds = vocabulary.endIds
    const Encoder = vocabulary.model === 'llama' ? ScoreEncoder : ByteLevelEncoder
    this.#encoder = new Encoder(vocabulary, metadata)
    this.#addBos = vocabulary.addBos ?? this.#encoder.addsBos
    const { control, unknown, userDefined } = tokenKind
    this.#userDefined = this.#tokensOf(userDefined)
    this.#special = this.#tokensOf(userDefined, control, unknown)
    this.#shield = new TextShield(this.#tokensOf(control, unknown))
    const source = stringField(metadata, 'tokenizer.chat_template')
    if (source !== undefined) this.#template = new ChatTemplate(source, this.#shield, this.#templateTokens())
  }

  get hasChatTemplate(): boolean {
    return this.#template !== undefined
  }

  encode(text: string, { bos = this.#addBos, special = false }: EncodeOptions = {}): number[] {
    const parts = (special ? this.#special : this.#userDefined).split(text)
    return this.#encodeParts(parts, bos)
  }

  encodeChat(messages: readonly ChatMessage[]): number[] {
    requireText(messages)
    if (!this.#template) return this.encode(transcript(messages))
    const parts = this.#special
      .split(this.#template.render(messages))
      .map(part => (typeof part === 'string' ? this.#shield.uncover(part) : part))
    return this.#encodeParts(parts, this.#addBos && parts[0] !== this.bosId)
  }

  tokenBytes(id: number): Uint8Array {
    const kind = this.#vocabulary.kinds[id]
    return isWritten(kind) || kind === tokenKind.byte ? this.#encoder.bytesOf(id) : new Uint8Array(0)
  }

  decode(ids: Iterable<number>): string {
    const decoder = utf8Decoder()
    let text = ''
    for (const id of ids) text += decoder.decode(this.tokenBytes(id), { stream: true })
    return text + decoder.decode()
  }

  decoder(): StreamingDecoder {
    return streamingDecoder(id => this.tokenBytes(id))
  }

  tokenText(id: number): string {
    return this.#vocabulary.tokens[id] ?? ''
  }

  #encodeParts(parts: readonly (string | number)[], bos: boolean): number[] {
    const ids = bos && this.bosId !== undefined ? [this.bosId] : []
    let isStart = true
    for (const part of parts) {
      if (typeof part === 'number') ids.push(part)
      else for (const id of this.#encoder.encode(part, isStart)) ids.push(id)
      isStart = typeof part === 'number'
    }
    return ids
  }

  /** The tokens of these kinds by the text that stands for them. */
  #tokensOf(...kinds: number[]): SpecialTokens {
    const idOf = new Map<string, number>()
    const utf8 = utf8Decoder()
    for (const [id, kind] of this.#vocabulary.kinds.entries()) {
      if (!kinds.includes(kind)) continue
      const isPlain = kind === tokenKind.userDefined
      idOf.set(isPlain ? utf8.decode(this.#encoder.bytesOf(id)) : this.tokenText(id), id)
    }
    return new SpecialTokens(idOf)
  }

  #templateTokens() {
    const text = (id: number | undefined) => (id === undefined ? '' : this.tokenText(id))
    return { bos_token: text(this.bosId), eos_token: text(this.#vocabulary.eosId) }
  }
}

function requireText(messages: readonly ChatMessage[]): void {
  for (const [index, { role, content }] of messages.entries()) {
    if (typeof role === 'string' && typeof content === 'string') continue
    const expected = 'role and content, both strings'
    throw new EngineError('bad-request', `messages[${index}] must have ${expected}.`, {
      argument: `messages[${index}]`,
      expected,
      value: { role: typeof role, content: typeof content },
    })
  }
}
