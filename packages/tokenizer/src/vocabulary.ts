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

/** tokenizer.ggml.token_type, as GGUF numbers it. */
export const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** Whether a text may become tokens of this kind. */
export const isWritten = (kind: number | undefined) =>
  kind === tokenKind.normal || kind === tokenKind.userDefined

/** The vocabulary of a model file, checked. */
export interface Vocabulary {
  /** 'llama': SentencePiece pieces merged by score. 'gpt2': byte-level BPE. */
  model: 'llama' | 'gpt2'
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

/** Throws `bad-model` with the key where something is missing or inconsistent. */
export function readVocabulary(metadata: Metadata): Vocabulary {
  const model = readModel(metadata)
  const tokensKey = 'tokenizer.ggml.tokens'
  const tokens = required(stringsField(metadata, tokensKey), tokensKey)
  if (tokens.length === 0) {
    throw badModel(`${tokensKey} is empty.`, { key: tokensKey, expected: 'at least 1', found: 0 })
  }
  const kinds = readKinds(metadata, tokens.length)
  const id = (name: string) => idField(metadata, `tokenizer.ggml.${name}_token_id`, tokens.length)
  const bosId = id('bos')
  const eosId = id('eos')
  const ends = new Set([eosId, id('eot'), id('eom')].filter(end => end !== undefined))
  for (const [end, text] of tokens.entries()) {
    if (endTexts.has(text) && kinds[end] !== tokenKind.byte) ends.add(end)
  }
  // Some files type these as normal tokens; as text they must not be forged.
  for (const control of [bosId, ...ends]) if (control !== undefined) kinds[control] = tokenKind.control
  return {
    model,
    tokens,
    kinds,
    bosId,
    eosId,
    unknownId: id('unknown'),
    endIds: [...ends].sort((a, b) => a - b),
    addBos: booleanField(metadata, 'tokenizer.ggml.add_bos_token'),
  }
}

function readModel(metadata: Metadata): 'llama' | 'gpt2' {
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
