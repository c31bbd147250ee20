import {
  type ChatMessage,
  ChatTemplate,
  type ChatTool,
  requireMessages,
  requireTools,
  transcript,
} from './chat-template'
import type { PieceEncoder } from './piece-encoder'
import { type SpecialToken, SpecialTokens } from './special-tokens'
import { type StreamingDecoder, streamingDecoder, utf8Decoder } from './streaming-decoder'
import { TextShield } from './text-shield'
import { isWritten, tokenKind, type Vocabulary } from './vocabulary'

export interface EncodeOptions {
  /** BOS first, where the model has one. Default: as the file says. */
  bos?: boolean
  /** Control tokens written in the text are read as such. Default false: they stay text. */
  special?: boolean
  /** The text goes on from another: neither BOS nor a space that is not there comes before it. Default false. */
  continues?: boolean
}

export interface DecodeOptions {
  /** The ids begin a text: a space that `encode` put first is left out. Default false. */
  start?: boolean
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
   * transcript where it has none. No message can forge a control token, and a user's or a tool's none of those
   * that the template writes. Throws `bad-request` where the template refuses the messages, `bad-model` where it
   * cannot be parsed.
   */
  encodeChat(messages: readonly ChatMessage[], tools?: readonly ChatTool[]): number[]
  /** Empty for control tokens and for ids outside the vocabulary. */
  tokenBytes(id: number): Uint8Array
  /** The tokens' bytes as UTF-8. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  decoder(): StreamingDecoder
  /** The vocabulary's entry, '' for ids outside it. */
  tokenText(id: number): string
}

/** Special tokens by a vocabulary, the text between them by an encoder. */
export class VocabularyTokenizer implements Tokenizer {
  readonly vocabSize: number
  readonly bosId: number | undefined
  readonly endIds: readonly number[]
  #vocabulary: Vocabulary
  #encoder: PieceEncoder
  #addBos: boolean
  #userDefined: SpecialTokens
  #special: SpecialTokens
  #template: ChatTemplate | undefined

  constructor(vocabulary: Vocabulary, encoder: PieceEncoder, template: string | undefined) {
    this.#vocabulary = vocabulary
    this.vocabSize = vocabulary.tokens.length
    this.bosId = vocabulary.bosId
    this.endIds = vocabulary.endIds
    this.#encoder = encoder
    this.#addBos = vocabulary.addBos ?? encoder.addsBos
    const { control, unknown, userDefined } = tokenKind
    this.#userDefined = new SpecialTokens(this.#tokensOf(userDefined))
    this.#special = new SpecialTokens(this.#tokensOf(userDefined, control, unknown))
    if (template !== undefined) this.#template = this.#chatTemplate(template)
  }

  get hasChatTemplate(): boolean {
    return this.#template !== undefined
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const { continues = false, bos = this.#addBos && !continues, special = false } = options
    if (continues && this.#encoder.addsSpace) return this.#encodeContinued(text, special)
    const parts = (special ? this.#special : this.#userDefined).split(text)
    return this.#encodeParts(parts, bos)
  }

  encodeChat(messages: readonly ChatMessage[], tools?: readonly ChatTool[]): number[] {
    requireMessages(messages)
    requireTools(tools, this.#template)
    if (!this.#template) return this.encode(transcript(messages))
    const parts = this.#special
      .split(this.#template.render(messages, tools))
      .map(part => (typeof part === 'string' ? TextShield.uncover(part) : part))
    return this.#encodeParts(parts, this.#addBos && parts[0] !== this.bosId)
  }

  tokenBytes(id: number): Uint8Array {
    const kind = this.#vocabulary.kinds[id]
    return isWritten(kind) || kind === tokenKind.byte ? this.#encoder.bytesOf(id) : new Uint8Array(0)
  }

  decode(ids: Iterable<number>, { start = false }: DecodeOptions = {}): string {
    const decoder = utf8Decoder()
    let text = ''
    for (const id of ids) text += decoder.decode(this.tokenBytes(id), { stream: true })
    text += decoder.decode()
    return start && this.#encoder.addsSpace && text.startsWith(' ') ? text.slice(1) : text
  }

  decoder(): StreamingDecoder {
    return streamingDecoder(id => this.tokenBytes(id))
  }

  tokenText(id: number): string {
    return this.#vocabulary.tokens[id] ?? ''
  }

  /** Behind a line feed, which no tokenizer of this kind merges with anything: the space comes before that. */
  #encodeContinued(text: string, special: boolean): number[] {
    const ids = this.encode(`\n${text}`, { bos: false, special })
    return ids.slice(ids.findIndex(id => this.tokenBytes(id).includes(0x0a)) + 1)
  }

  #encodeParts(parts: readonly (string | number)[], bos: boolean): number[] {
    const ids = bos && this.bosId !== undefined ? [this.bosId] : []
    for (const [i, part] of parts.entries()) {
      if (typeof part === 'number') ids.push(part)
      else for (const id of this.#encoder.encode(part, i === 0)) ids.push(id)
    }
    return ids
  }

  /** The tokens of these kinds by the text that stands for them. */
  #tokensOf(...kinds: number[]): Map<string, SpecialToken> {
    const tokens = new Map<string, SpecialToken>()
    const utf8 = utf8Decoder()
    for (const [id, kind] of this.#vocabulary.kinds.entries()) {
      if (!kinds.includes(kind)) continue
      const token = this.#vocabulary.special.get(id) ?? { id }
      const isPlain = kind === tokenKind.userDefined
      const text = isPlain ? utf8.decode(this.#encoder.bytesOf(id)) : this.tokenText(id)
      tokens.set(token.text ?? text, token)
    }
    return tokens
  }

  #chatTemplate(source: string): ChatTemplate {
    const control = this.#tokensOf(tokenKind.control, tokenKind.unknown)
    const structure = this.#tokensOf(tokenKind.userDefined)
    for (const text of structure.keys()) {
      const isStructure = looksControl.test(text) || (text.trim().length > 1 && source.includes(text))
      if (!isStructure) structure.delete(text)
    }
    const shields = {
      own: new TextShield(new SpecialTokens(control)),
      foreign: new TextShield(new SpecialTokens(new Map([...control, ...structure]))),
    }
    const text = (id: number | undefined) => (id === undefined ? '' : this.tokenText(id))
    const names = { bos_token: text(this.bosId), eos_token: text(this.#vocabulary.eosId) }
    return new ChatTemplate(source, shields, names)
  }
}

/** `<|...|>`, `<s>`, `[INST]`: control tokens by their looks, though their file calls them text. */
const looksControl = /^(<[|｜].*[|｜]>|<\/?s>|<(unk|pad|bos|eos|mask)>|\[\/?[A-Z_@]+\])$/s
