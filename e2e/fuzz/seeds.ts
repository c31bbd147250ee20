/** Whole files, small, from which the mutator makes broken ones. */
import { readdirSync, readFileSync } from 'node:fs'
import { encodeRows, type MetadataValue, writeGguf } from '@foretoken/weights'

const fixtures = new URL('../../packages/tokenizer/fixtures/', import.meta.url)

interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[]
  model: { vocab: Record<string, number>; merges: [string, string][] }
}

/** Of each family, cut to a few tokens. */
export function tokenizerSeeds(): { tokenizer: TokenizerJson; config: unknown }[] {
  const names = readdirSync(fixtures).filter(name => name.endsWith('.tokens.json'))
  return names.map(name => {
    const { tokenizer, config } = JSON.parse(readFileSync(new URL(name, fixtures), 'utf8'))
    return { tokenizer: cut(tokenizer), config }
  })
}

function cut(tokenizer: TokenizerJson): TokenizerJson {
  const { vocab, merges, ...model } = tokenizer.model
  const few = merges.slice(0, 12)
  const used = new Set([
    ...few.flatMap(([left, right]) => [left, right, left + right]),
    '<0x41>',
    'a',
    '<unk>',
  ])
  const tokens = Object.keys(vocab).filter(token => used.has(token))
  const added = tokenizer.added_tokens.map((token, i) => ({ ...token, id: tokens.length + i }))
  const kept = Object.fromEntries(tokens.map((token, id) => [token, id]))
  return { ...tokenizer, added_tokens: added, model: { ...model, vocab: kept, merges: few } }
}

export function ggufSeeds(): Uint8Array[] {
  const tensors = [
    { name: 'a', type: 'f32', dims: [8, 2], data: encodeRows('f32', new Float32Array(16)) },
    { name: 'q', type: 'q8_0', dims: [32, 2], data: encodeRows('q8_0', new Float32Array(64)) },
  ] as const
  const scalars: [string, MetadataValue][] = [
    ['general.architecture', 'llama'],
    ['general.alignment', 64],
    ['a', -1],
    ['b', 0.5],
    ['c', true],
    ['d', 2n ** 60n],
    ['e', [[1, 2], [3]]],
    ['f', ['x', 'yz', '']],
  ]
  const plain = writeGguf({ metadata: scalars, tensors })
  return [
    plain,
    ...tokenizerSeeds().map(seed => writeGguf({ metadata: ggufTokenizer(seed.tokenizer), tensors })),
  ]
}

function ggufTokenizer({ added_tokens: added, model }: TokenizerJson): [string, MetadataValue][] {
  const tokens = [...Object.keys(model.vocab), ...added.map(({ content }) => content)]
  const isBytes = tokens.some(token => token.includes('Ġ'))
  return [
    ['tokenizer.ggml.model', isBytes ? 'gpt2' : 'llama'],
    ['tokenizer.ggml.pre', isBytes ? 'llama-bpe' : 'default'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.scores', tokens.map((_, id) => -id - 0.5)],
    ['tokenizer.ggml.token_type', tokens.map((_, id) => (id < tokens.length - added.length ? 1 : 3))],
    ['tokenizer.ggml.merges', model.merges.map(merge => merge.join(' '))],
    ['tokenizer.ggml.bos_token_id', tokens.length - 1],
    ['tokenizer.ggml.add_bos_token', true],
    ['tokenizer.chat_template', '{{ messages[0].content }}'],
  ]
}

/** A header and the bytes behind it. */
export const safetensorsSeed = {
  header: {
    __metadata__: { format: 'pt' },
    a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
    b: { dtype: 'F16', shape: [8], data_offsets: [16, 32] },
    c: { dtype: 'BF16', shape: [2, 2, 2], data_offsets: [32, 48] },
  },
  dataBytes: 48,
}

export function safetensorsFile(header: string, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(header)
  const file = new Uint8Array(8 + json.length + dataBytes)
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true)
  file.set(json, 8)
  return file
}
