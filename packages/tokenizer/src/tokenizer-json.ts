import { badModel } from './bad-model'
import { HuggingFaceEncoder, type Step } from './hugging-face-encoder'
import { array, boolean, type Json, number, object, optional, parseJson, string } from './json-field'
import type { SpecialToken } from './special-tokens'
import { readPipeline } from './text-pipeline'
import { bytePattern, spaceMark } from './token-bytes'
import { type Tokenizer, VocabularyTokenizer } from './tokenizer'
import { findEnds, tokenKind, type Vocabulary } from './vocabulary'

/** Texts of a Hugging Face folder. */
export interface TokenizerFiles {
  /** tokenizer.json */
  tokenizer: string
  /** tokenizer_config.json: BOS, EOS and the chat template. */
  config?: string | undefined
  /** chat_template.jinja, which goes before the one in `config`. */
  chatTemplate?: string | undefined
  /** Rows of the model's embedding, where it has more than the tokenizer has tokens; those behind stand for nothing. */
  vocabSize?: number | undefined
  /** What else ends a turn: `eos_token_id` of generation_config.json. */
  endIds?: readonly number[] | undefined
}

/** Ids that no token has, at most: rows of an embedding are filled up to a round number. */
const maxGaps = 65_536
/** Of post-processors within each other. */
const maxDepth = 8

/** The tokenizer of a Hugging Face folder: BPE. Throws `bad-model` where it is inconsistent or not supported. */
export function tokenizerFromJson(files: TokenizerFiles): Tokenizer {
  const json = object(parseJson(files.tokenizer, 'tokenizer.json'), 'tokenizer.json')
  const config = object(parseJson(files.config ?? '{}', 'tokenizer_config.json'), 'tokenizer_config.json')
  const model = object(json.model, 'model')
  requireBpe(model)
  const entries = readEntries(json, model)
  const { steps, writing, addsSpace } = readPipeline(json, model)
  const vocabulary = readVocabulary(entries, config, model, files, writing === 'bytes')
  const merges = readMerges(model, entries.ids)
  const addsBos = readAddsBos(json, config, vocabulary.tokens[vocabulary.bosId ?? -1])
  const encoder = new HuggingFaceEncoder(vocabulary, { ...steps, merges }, writing, addsBos, addsSpace)
  return new VocabularyTokenizer(vocabulary, encoder, files.chatTemplate ?? templateOf(config))
}

interface AddedToken extends SpecialToken {
  text: string
  isSpecial: boolean
}

interface Entries {
  ids: ReadonlyMap<string, number>
  added: readonly AddedToken[]
}

function requireBpe(model: Json): void {
  const type = model.type ?? (Array.isArray(model.merges) ? 'BPE' : 'of unknown type')
  if (type !== 'BPE') {
    const message = `A tokenizer of type ${type} is not supported; supported is BPE.`
    throw badModel(message, { key: 'model.type', expected: 'BPE', found: type })
  }
  for (const option of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (!model[option]) continue
    throw badModel(`A tokenizer with model.${option} is not supported.`, {
      key: `model.${option}`,
      expected: '',
      found: model[option],
    })
  }
}

function readEntries(json: Json, model: Json): Entries {
  const ids = new Map<string, number>()
  for (const [token, id] of Object.entries(object(model.vocab, 'model.vocab'))) {
    ids.set(token, number(id, 'model.vocab, by token'))
  }
  const added = array(json.added_tokens ?? [], 'added_tokens').map((element, i) => {
    const token = object(element, `added_tokens[${i}]`)
    const flag = (name: string) => optional(boolean, token[name], `added_tokens[${i}].${name}`, false)
    if (flag('single_word')) {
      const message = `added_tokens[${i}] stands for single words only, which is not supported.`
      throw badModel(message, { key: `added_tokens[${i}].single_word`, expected: false, found: true })
    }
    return {
      id: number(token.id, `added_tokens[${i}].id`),
      text: string(token.content, `added_tokens[${i}].content`),
      isSpecial: flag('special'),
      takesBefore: flag('lstrip'),
      takesAfter: flag('rstrip'),
    }
  })
  return { ids, added }
}

function readVocabulary(
  { ids, added }: Entries,
  config: Json,
  model: Json,
  { vocabSize = 0, endIds = [] }: TokenizerFiles,
  isBytes: boolean,
): Vocabulary {
  const size = sizeOf(ids, added, vocabSize)
  const wrongEnd = endIds.find(id => !Number.isInteger(id) || id < 0 || id >= size)
  if (wrongEnd !== undefined) {
    const expected = `ids from 0 to ${size - 1}`
    const message = `eos_token_id names ${wrongEnd}, expected ${expected}.`
    throw badModel(message, { key: 'eos_token_id', expected, found: wrongEnd })
  }
  // What llama.cpp's converter calls them: a folder and a GGUF file of one model have one vocabulary.
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`)
  const kinds = new Array<number>(size).fill(tokenKind.unused)
  const isByte = (token: string) => model.byte_fallback === true && bytePattern.test(token)
  for (const [token, id] of ids) {
    tokens[id] = token
    kinds[id] = isByte(token) ? tokenKind.byte : tokenKind.normal
  }
  for (const { id, text, isSpecial } of added) {
    tokens[id] = isSpecial || isBytes ? text : text.replaceAll(spaceMark, ' ')
    kinds[id] = isSpecial ? tokenKind.control : tokenKind.userDefined
  }
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const named = (key: string) => {
    const text = nameOf(config[key])
    return text === undefined ? undefined : idOf.get(text)
  }
  const unknownId = typeof model.unk_token === 'string' ? idOf.get(model.unk_token) : undefined
  if (unknownId !== undefined) kinds[unknownId] = tokenKind.unknown
  const [bosId, eosId] = [named('bos_token'), named('eos_token')]
  return {
    tokens,
    kinds,
    bosId,
    eosId,
    unknownId,
    endIds: findEnds(tokens, kinds, bosId, [eosId, ...endIds]),
    addBos: undefined,
    special: new Map(added.map(token => [token.id, token])),
  }
}

/** One more than the highest id; a lying id must not cost memory. */
function sizeOf(ids: ReadonlyMap<string, number>, added: readonly AddedToken[], vocabSize: number): number {
  let size = vocabSize
  for (const id of ids.values()) size = Math.max(size, id + 1)
  for (const { id } of added) size = Math.max(size, id + 1)
  const most = ids.size + added.length + maxGaps
  if (size >= 1 && size <= most) return size
  const expected = `1 to ${most} ids for ${ids.size + added.length} tokens`
  throw badModel(`The tokenizer's ids go up to ${size - 1}, expected ${expected}.`, {
    key: 'model.vocab',
    expected,
    found: size,
  })
}

function readMerges(model: Json, ids: ReadonlyMap<string, number>): [string, string][] {
  return array(model.merges, 'model.merges').map((merge, i) => {
    const [left, right, ...rest] = Array.isArray(merge)
      ? merge
      : string(merge, `model.merges[${i}]`).split(' ')
    const isPair = typeof left === 'string' && typeof right === 'string' && rest.length === 0
    if (isPair && ids.has(left + right)) return [left, right]
    const expected = 'two texts that make a token'
    const found = typeof merge === 'string' ? merge : typeof merge
    throw badModel(`model.merges[${i}] is "${found}", expected ${expected}.`, {
      key: 'model.merges',
      index: i,
      expected,
      found,
    })
  })
}

/** The post-processor is what runs; where there is none that puts tokens, the flag of the config says it. */
function readAddsBos(json: Json, config: Json, bos: string | undefined): boolean {
  const template = templateStep(json.post_processor)
  if (!template) return bos !== undefined && config.add_bos_token === true
  const first = Array.isArray(template.single) ? template.single[0] : undefined
  return bos !== undefined && first?.SpecialToken?.id === bos
}

function templateStep(step: unknown, depth = 0): Step | undefined {
  if (typeof step !== 'object' || step === null || depth > maxDepth) return undefined
  const { type, processors } = step as Step
  if (type === 'TemplateProcessing') return step as Step
  if (type !== 'Sequence' || !Array.isArray(processors)) return undefined
  return processors.map(inner => templateStep(inner, depth + 1)).find(found => found !== undefined)
}

/** tokenizer_config.json names a token by its text, or as an added token. */
function nameOf(value: unknown): string | undefined {
  const text = typeof value === 'object' && value !== null ? (value as Json).content : value
  return typeof text === 'string' ? text : undefined
}

/** One template, or several of which one is for conversations. */
function templateOf(config: Json): string | undefined {
  const templates = config.chat_template
  if (!Array.isArray(templates)) return typeof templates === 'string' ? templates : undefined
  const chosen = templates.find(template => template?.name === 'default')?.template
  return typeof chosen === 'string' ? chosen : undefined
}
