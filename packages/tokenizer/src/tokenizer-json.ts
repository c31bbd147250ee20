/** The tokenizer of a Hugging Face folder, as a GGUF file would tell of it. */
import { badModel } from './bad-model'
import { type Tokenizer, tokenizerFromGguf } from './tokenizer'
import { tokenKind } from './vocabulary'

type Json = Readonly<Record<string, unknown>>

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
  /** What else ends a turn: `eos_token_id` of generation_config.json. At most two beside EOS, as GGUF has keys for. */
  endIds?: readonly number[] | undefined
}

interface Bpe {
  vocab: Readonly<Record<string, number>>
  merges: ReadonlyArray<readonly [string, string]>
  /** Of the model. */
  json: Json
}

const maxTokens = 2 ** 24
/** Ids that no token has, at most: rows of an embedding are filled up to a round number. */
const maxGaps = 65_536

/** Throws `bad-model` where it is inconsistent or not supported. */
export function tokenizerFromJson(files: TokenizerFiles): Tokenizer {
  const tokenizer = parse(files.tokenizer, 'tokenizer.json')
  const config = parse(files.config ?? '{}', 'tokenizer_config.json')
  const bpe = readBpe(tokenizer)
  const { tokens, kinds } = readTokens(bpe, objectsOf(tokenizer.added_tokens), files.vocabSize ?? 0)
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const idOfText = (value: unknown) => idOf.get(String(isObject(value) ? value.content : value))
  const bosId = idOfText(config.bos_token)
  const eosId = idOfText(config.eos_token)
  const [eotId, eomId] = (files.endIds ?? []).filter(id => id !== eosId)
  const isBytes = partsOf(tokenizer.pre_tokenizer, 'pretokenizers').some(({ type }) => type === 'ByteLevel')
  const metadata = new Map<string, unknown>([
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', kinds],
    ['tokenizer.ggml.bos_token_id', bosId],
    ['tokenizer.ggml.eos_token_id', eosId],
    ['tokenizer.ggml.eot_token_id', eotId],
    ['tokenizer.ggml.eom_token_id', eomId],
    ['tokenizer.ggml.unknown_token_id', idOfText(bpe.json.unk_token)],
    ['tokenizer.ggml.add_bos_token', bosId !== undefined && addsBos(tokenizer, config, tokens[bosId]!)],
    ['tokenizer.chat_template', files.chatTemplate ?? templateOf(config)],
    ...(isBytes ? byteLevelEntries(tokenizer, bpe) : scoreEntries(tokenizer, bpe, tokens)),
  ])
  return tokenizerFromGguf(metadata)
}

function parse(text: string, file: string): Json {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {}
  if (isObject(json)) return json
  throw badModel(`${file} is no JSON object.`, { file, expected: 'a JSON object', found: text.slice(0, 100) })
}

function readBpe({ model }: Json): Bpe {
  const json = isObject(model) ? model : {}
  const { type, vocab, merges } = json
  if (!isObject(vocab) || !Array.isArray(merges) || (type !== undefined && type !== 'BPE')) {
    throw broken('model', 'of type BPE, with vocab and merges', type ?? typeof model)
  }
  const wrong = Object.entries(vocab).find(([, id]) => !isId(id))
  if (wrong) throw broken(`model.vocab[${JSON.stringify(wrong[0])}]`, `an id below ${maxTokens}`, wrong[1])
  return { json, vocab: vocab as Bpe['vocab'], merges: merges.map(readMerge) }
}

/** "a b", or a list of the two as newer files have it. */
function readMerge(merge: unknown, index: number): readonly [string, string] {
  const [left, right, ...rest] =
    typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
  if (typeof left === 'string' && typeof right === 'string' && rest.length === 0) return [left, right]
  throw broken(`model.merges[${index}]`, 'two tokens', merge)
}

function readTokens({ vocab, json }: Bpe, added: readonly Json[], size: number) {
  const wrong = added.find(({ id, content }) => !isId(id) || typeof content !== 'string')
  if (wrong) throw broken('added_tokens', `entries with content and an id below ${maxTokens}`, wrong)
  const ids = [...Object.values(vocab), ...added.map(({ id }) => id as number)]
  const count = ids.reduce((most, id) => Math.max(most, id + 1), size)
  if (count > ids.length + maxGaps)
    throw broken('model.vocab', `more than ${count - maxGaps} tokens`, ids.length)
  const tokens = Array.from({ length: count }, (_, id) => `[PAD${id}]`)
  const kinds = new Array<number>(count).fill(tokenKind.unused)
  for (const [token, id] of Object.entries(vocab)) {
    tokens[id] = token
    const isByte = json.byte_fallback === true && /^<0x[0-9A-F]{2}>$/i.test(token)
    kinds[id] = isByte ? tokenKind.byte : token === json.unk_token ? tokenKind.unknown : tokenKind.normal
  }
  for (const { id, content, special } of added) {
    tokens[id as number] = content as string
    if (kinds[id as number] !== tokenKind.unknown) {
      kinds[id as number] = special === true ? tokenKind.control : tokenKind.userDefined
    }
  }
  return { tokens, kinds }
}

/** The post-processor of tokenizer.json is what runs; where it says nothing, the flag beside it. */
function addsBos(tokenizer: Json, config: Json, bos: string): boolean {
  const template = partsOf(tokenizer.post_processor, 'processors').find(
    ({ type }) => type === 'TemplateProcessing',
  )
  if (!template) return config.add_bos_token === true
  const [first] = objectsOf(template.single)
  return isObject(first?.SpecialToken) && first.SpecialToken.id === bos
}

/** One text, or several by name. */
function templateOf({ chat_template: template }: Json): string | undefined {
  if (typeof template === 'string') return template
  const named = objectsOf(template).find(({ name }) => name === 'default')
  return typeof named?.template === 'string' ? named.template : undefined
}

function byteLevelEntries({ pre_tokenizer }: Json, { merges, json }: Bpe): Array<[string, unknown]> {
  return [
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', preTokenizerName(partsOf(pre_tokenizer, 'pretokenizers'), json)],
    ['tokenizer.ggml.merges', merges.map(merge => merge.join(' '))],
  ]
}

/** Words of Llama 3 and Qwen 2, which differ in how many digits make one. */
const modernWords =
  /^\(\?i:'s\|'t\|'re\|'ve\|'m\|'ll\|'d\)\|\[\^\\r\\n\\p\{L}\\p\{N}]\?\\p\{L}\+\|\\p\{N}(\{1,3})?\|/

/** GGUF's name of how text is cut into words. */
function preTokenizerName(parts: readonly Json[], { ignore_merges: ignoresMerges }: Json): string {
  const [first, second] = parts
  if (parts.length === 1 && first!.use_regex !== false) return 'gpt-2'
  const { type, individual_digits: isEach, pattern } = first!
  if (type === 'Digits' && isEach === true && second?.use_regex !== false) return 'smollm'
  const words = isObject(pattern) && modernWords.exec(String(pattern.Regex))
  if (!words) throw broken('pre_tokenizer', 'as GPT-2, SmolLM, Llama 3 or Qwen 2 have it', first)
  if (words[1] === undefined) return 'qwen2'
  return ignoresMerges === true ? 'llama-bpe' : 'smaug-bpe'
}

/** SentencePiece: a piece's score is the rank of the first merge that makes it, as merges were ordered by scores. */
function scoreEntries(
  { normalizer, pre_tokenizer }: Json,
  { merges }: Bpe,
  tokens: readonly string[],
): Array<[string, unknown]> {
  const parts = [...partsOf(normalizer, 'normalizers'), ...partsOf(pre_tokenizer, 'pretokenizers')]
  const other = parts.find(({ type }) => !['Prepend', 'Replace', 'Metaspace'].includes(String(type)))
  if (other)
    throw broken('normalizer or pre_tokenizer', 'ByteLevel, or Prepend, Replace and Metaspace', other)
  const addsSpace = parts.some(
    ({ type, prepend_scheme: scheme = 'always' }) =>
      type === 'Prepend' || (type === 'Metaspace' && scheme !== 'never'),
  )
  const ranks = new Map<string, number>()
  for (const [rank, [left, right]] of merges.entries()) {
    if (!ranks.has(left + right)) ranks.set(left + right, rank)
  }
  return [
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.scores', tokens.map(token => -(ranks.get(token) ?? merges.length))],
    ['tokenizer.ggml.add_space_prefix', addsSpace],
  ]
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < maxTokens
const objectsOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : [])

/** A step of tokenizer.json, or the steps of a Sequence. */
function partsOf(step: unknown, key: string): Json[] {
  if (!isObject(step)) return []
  return step.type === 'Sequence' ? objectsOf(step[key]).flatMap(part => partsOf(part, key)) : [step]
}

function broken(key: string, expected: string, found: unknown) {
  const text = JSON.stringify(found)?.slice(0, 100) ?? 'nothing'
  const file = 'tokenizer.json'
  return badModel(`${file}: ${key} must be ${expected}, found ${text}.`, { file, key, expected, found: text })
}
