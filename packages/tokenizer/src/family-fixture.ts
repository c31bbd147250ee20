import { readdirSync, readFileSync } from 'node:fs'
import type { ChatMessage, ChatTool } from './chat-template'
import type { Tokenizer } from './tokenizer'
import { tokenizerFromJson } from './tokenizer-json'

/** What transformers makes of the texts with a family's tokenizer: see ../fixtures/make_fixtures.py. */
export interface FamilyFixture {
  name: string
  /** What a GGUF file says; `except` are texts for which it means other ids. Missing where it cannot say it. */
  gguf?: { model: string; pre: string; addSpacePrefix?: boolean; architecture?: string; except?: string[] }
  /** By text: special tokens stay text. */
  plain: number[][]
  /** By index of the text, where it is another: special tokens are read. */
  special: Record<number, number[]>
  /** By index of the text, where `plain` does not decode to it. */
  decoded: Record<number, string>
  chats: { messages: ChatMessage[]; tools?: ChatTool[]; text: string; ids: number[] }[]
  config: Record<string, unknown>
  tokenizer: TokenizerJson
}

interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[]
  model: { vocab: Record<string, number>; merges: [string, string][]; byte_fallback: boolean }
  post_processor: unknown
}

const own = new URL('../fixtures/', import.meta.url)
const read = (name: string, folder: URL) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))

export const texts: string[] = read('texts.json', own)

/** Of the repository, or of the folder that the environment names. */
export function familyFixtures(): FamilyFixture[] {
  const { FORETOKEN_TOKENIZERS: other } = process.env
  const folder = other ? new URL(`file://${other}/`) : own
  return readdirSync(folder)
    .filter(name => name.endsWith('.tokens.json'))
    .map(name => ({ ...read(name, folder), name: name.replace('.tokens.json', '') }))
}

export const jsonTokenizer = ({ tokenizer, config }: FamilyFixture): Tokenizer =>
  tokenizerFromJson({ tokenizer: JSON.stringify(tokenizer), config: JSON.stringify(config) })

/** What llama.cpp's converter makes of a tokenizer.json. */
export function ggufMetadata({ tokenizer, config, gguf }: FamilyFixture): Map<string, unknown> {
  const { vocab, merges, byte_fallback: hasBytes } = tokenizer.model
  const tokens: string[] = []
  const kinds: number[] = []
  for (const [token, id] of Object.entries(vocab)) {
    tokens[id] = token
    kinds[id] = hasBytes && /^<0x..>$/.test(token) ? 6 : 1
  }
  for (const { id, content, special } of tokenizer.added_tokens) {
    tokens[id] = content.replaceAll('▁', ' ')
    kinds[id] = special ? 3 : 4
  }
  const idOf = (token: unknown) => (token === undefined ? undefined : tokens.indexOf(token as string))
  return new Map<string, unknown>([
    ['general.architecture', gguf?.architecture],
    ['tokenizer.ggml.model', gguf?.model],
    ['tokenizer.ggml.pre', gguf?.pre],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', kinds],
    ['tokenizer.ggml.scores', tokens.map((_, id) => -id)],
    ['tokenizer.ggml.merges', merges.map(merge => merge.join(' '))],
    ['tokenizer.ggml.bos_token_id', idOf(config.bos_token)],
    ['tokenizer.ggml.eos_token_id', idOf(config.eos_token)],
    ['tokenizer.ggml.add_bos_token', tokenizer.post_processor !== null],
    ['tokenizer.ggml.add_space_prefix', gguf?.addSpacePrefix],
    ['tokenizer.chat_template', config.chat_template],
  ])
}
