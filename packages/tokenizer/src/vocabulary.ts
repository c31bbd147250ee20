import { badModel } from './bad-model'
import {
  booleanField,
  idField,
  type Metadata,
  numbersField,
  required,
  stringField,
  stringsField,
} from './metadata-field'
import type { SpecialToken } from './special-tokens'

/** tokenizer.ggml.token_type, as GGUF numbers it. */
export const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** Whether a text may become tokens of this kind. */
export const isWritten = (kind: number | undefined) =>
  kind === tokenKind.normal || kind === tokenKind.userDefined

/** The vocabulary of a model file, checked. */
export interface Vocabulary {
  /** By id. */
  tokens: readonly string[]
  /** By id, values of `tokenKind`. */
  kinds: readonly number[]
  bosId: number | undefined
  eosId: number | undefined
  unknownId: number | undefined
  endIds: readonly number[]
  /** What the file says about a BOS before a text, if it does. */
  addBos: boolean | undefined
  /** By id, what the file says of special and user-defined tokens. */
  special: ReadonlyMap<number, SpecialToken>
}

/** Names that end a turn in models whose files name only one end id. Source: llama.cpp's end-of-generation list. */
const endTexts = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<end_of_turn>',
])

/** The vocabulary of a GGUF file. Throws `bad-model` with the key where something is missing or inconsistent. */
export function readVocabulary(metadata: Metadata): Vocabulary {
  const tokensKey = 'tokenizer.ggml.tokens'
  const tokens = required(stringsField(metadata, tokensKey), tokensKey)
  if (tokens.length === 0) {
    throw badModel(`${tokensKey} is empty.`, { key: tokensKey, expected: 'at least 1', found: 0 })
  }
  const kinds = readKinds(metadata, tokens.length)
  const id = (name: string) => idField(metadata, `tokenizer.ggml.${name}_token_id`, tokens.length)
  const bosId = id('bos')
  const eosId = id('eos')
  const endIds = findEnds(tokens, kinds, bosId, [eosId, id('eot'), id('eom')])
  return {
    tokens,
    kinds,
    bosId,
    eosId,
    unknownId: id('unknown'),
    endIds,
    addBos: booleanField(metadata, 'tokenizer.ggml.add_bos_token'),
    special: metadata.get('general.architecture') === 'phi3' ? phiTokens(tokens, kinds, bosId) : new Map(),
  }
}

/**
 * Every id that ends a turn, ascending. Some files type these, or BOS, as normal tokens; as text they must not be
 * forged, so `kinds` is changed.
 */
export function findEnds(
  tokens: readonly string[],
  kinds: number[],
  bosId: number | undefined,
  named: readonly (number | undefined)[],
): number[] {
  const ends = new Set(named.filter(end => end !== undefined))
  for (const [end, text] of tokens.entries()) {
    if (endTexts.has(text) && kinds[end] !== tokenKind.byte) ends.add(end)
  }
  for (const control of [bosId, ...ends]) if (control !== undefined) kinds[control] = tokenKind.control
  return [...ends].sort((a, b) => a - b)
}

/** The white space behind a turn's mark belongs to it in Phi-3 and Phi-4-mini; GGUF cannot tell it. Sources: their tokenizer.json; llama.cpp does the same by name. */
function phiTokens(tokens: readonly string[], kinds: readonly number[], bosId: number | undefined) {
  const special = new Map<number, SpecialToken>()
  for (const [id, text] of tokens.entries()) {
    const isTurn = kinds[id] === tokenKind.control && id !== bosId && text !== '<|endoftext|>'
    if (isTurn || text === '</s>') special.set(id, { id, takesAfter: true })
  }
  return special
}

/** 'llama': SentencePiece pieces merged by score. 'gpt2': byte-level BPE. */
export function readModel(metadata: Metadata): 'llama' | 'gpt2' {
  const key = 'tokenizer.ggml.model'
  const model = required(stringField(metadata, key), key)
  if (model === 'llama' || model === 'gpt2') return model
  const expected = ['llama', 'gpt2']
  throw badModel(`Tokenizer model "${model}" is not supported; supported are ${expected.join(', ')}.`, {
    key,
    expected,
    found: model,
  })
}

function readKinds(metadata: Metadata, vocabSize: number): number[] {
  const key = 'tokenizer.ggml.token_type'
  const kinds = numbersField(metadata, key)
  if (kinds === undefined) return new Array<number>(vocabSize).fill(tokenKind.normal)
  requireLength(kinds, key, vocabSize)
  return [...kinds]
}

/** One element per token, or `bad-model`. */
export function requireLength(values: readonly unknown[], key: string, vocabSize: number): void {
  if (values.length === vocabSize) return
  throw badModel(`${key} has ${values.length} elements for ${vocabSize} tokens.`, {
    key,
    expected: vocabSize,
    found: values.length,
  })
}
