import { badModel } from './bad-model'
import { type Metadata, stringField } from './metadata-field'

/** How a byte-level vocabulary cuts text into words before it merges. */
export interface PreTokenizer {
  /** Regular expressions in Oniguruma's syntax, applied one after the other; matches and gaps are words. */
  splits: readonly string[]
  /** A word that is a token is taken whole. */
  ignoreMerges?: boolean
  /** Text is brought to Unicode's composed form first. */
  composes?: boolean
  /** BOS before a text where the file does not say. */
  addsBos?: boolean
}

const gpt2Words = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

/** Llama 3 and Qwen 2 differ in how many digits make a word. */
const modernWords = (digits: string) =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`

/** GPT-4o's words begin anew at a capital letter. */
const casedWords = (contractions: string, digits: string) =>
  [`${upper}*${lower}+`, `${upper}+${lower}*`]
    .map(letters => String.raw`[^\r\n\p{L}\p{N}]?${letters}${contractions}|`)
    .concat(String.raw`${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`)
    .join('')

const gpt2: PreTokenizer = { splits: [gpt2Words] }
const smollm: PreTokenizer = { splits: [String.raw`\p{N}`, gpt2Words] }
const llama3: PreTokenizer = {
  splits: [modernWords(String.raw`\p{N}{1,3}`)],
  ignoreMerges: true,
  addsBos: true,
}
const qwen2: PreTokenizer = { splits: [modernWords(String.raw`\p{N}`)], composes: true }
const gpt4o: PreTokenizer = {
  splits: [casedWords("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", String.raw`\p{N}{1,3}`)],
}
const tekken: PreTokenizer = { splits: [casedWords('', String.raw`\p{N}`)], ignoreMerges: true }

/** By tokenizer.ggml.pre. Sources: the models' own tokenizer.json; the names are llama.cpp's. */
const preTokenizers: Record<string, PreTokenizer> = {
  default: gpt2,
  'gpt-2': gpt2,
  llama3,
  'llama-v3': llama3,
  'llama-bpe': llama3,
  'smaug-bpe': { splits: llama3.splits }, // SmolLM3, too
  qwen2,
  'deepseek-r1-qwen': qwen2,
  smollm,
  smollm2: smollm,
  'gpt-4o': gpt4o, // Phi-4-mini, too
  tekken, // Mistral Nemo and later
}

/** Throws `bad-model` for a name that is not known: other words would silently give other ids. */
export function readPreTokenizer(metadata: Metadata): PreTokenizer {
  const key = 'tokenizer.ggml.pre'
  const name = stringField(metadata, key) ?? 'default'
  if (Object.hasOwn(preTokenizers, name)) return preTokenizers[name]!
  const expected = Object.keys(preTokenizers)
  throw badModel(`Pre-tokenizer "${name}" is not supported; supported are ${expected.join(', ')}.`, {
    key,
    expected,
    found: name,
  })
}
