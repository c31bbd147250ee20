/** Model files that are wrong in one way each, made from a good one. */
import {
  type GgufContent,
  GgufReader,
  type MetadataValue,
  type WrittenTensor,
  writeGguf,
} from '@foretoken/weights'

export interface OddModel {
  name: string
  bytes: Uint8Array<ArrayBuffer>
  /** What the error's details must say, among other things. */
  details: Record<string, unknown>
}

type Bytes = Uint8Array<ArrayBuffer>
type Details = Record<string, unknown>

/** What a good file holds. */
export interface ModelParts {
  bytes: Bytes
  metadata: Map<string, MetadataValue>
  tensors: WrittenTensor[]
  /** Where tensor data begins. */
  dataOffset: number
}

export async function takeApart(bytes: Bytes): Promise<ModelParts> {
  const reader = await GgufReader.open(new Blob([bytes]))
  const tensors = reader.tensors.map(({ name, type, rows, columns, offset, bytes: length }) => ({
    name,
    type,
    dims: rows > 1 ? [columns, rows] : [columns],
    data: bytes.subarray(offset, offset + length),
  }))
  await reader.close()
  return { bytes, metadata: new Map(reader.metadata), tensors, dataOffset: reader.tensors[0]!.offset }
}

/** The file written anew, with these changes. */
export function rewritten(
  { metadata, tensors }: ModelParts,
  change: { metadata?: Record<string, MetadataValue | undefined>; tensors?: WrittenTensor[] } & Omit<
    Partial<GgufContent>,
    'metadata' | 'tensors'
  > = {},
): Bytes {
  const { metadata: changed = {}, ...others } = change
  const entries = Object.entries({ ...Object.fromEntries(metadata), ...changed })
  const kept = entries.filter((entry): entry is [string, MetadataValue] => entry[1] !== undefined)
  return writeGguf({ tensors, ...others, metadata: kept })
}

/** Bytes replaced where the ASCII text `find` begins, plus `shift`. */
function patched(bytes: Bytes, find: string, shift: number, patch: readonly number[]): Bytes {
  const at = Buffer.from(bytes).indexOf(find)
  if (at < 0) throw new Error(`the model file holds no "${find}"`)
  const copy = bytes.slice()
  copy.set(patch, at + shift)
  return copy
}

const text = (words: string): Bytes => new TextEncoder().encode(words)
/** 2^63 - 1, 2^53 and 64 MiB - 1 as a length of 8 bytes. */
const huge = [255, 255, 255, 255, 255, 255, 255, 127]
const unsafe = [0, 0, 0, 0, 0, 0, 32, 0]
const large = [255, 255, 255, 3, 0, 0, 0, 0]

export function noModels({ bytes }: ModelParts): OddModel[] {
  return [
    { name: 'an empty file', bytes: text(''), details: { offset: 0, expected: 'GGUF', found: 'nothing' } },
    { name: 'a text', bytes: text('no model'), details: { offset: 0, expected: 'GGUF', found: '"no m"' } },
    { name: 'a web page', bytes: text('<!doctype html>'), details: { offset: 0, expected: 'GGUF' } },
    {
      name: 'a picture',
      bytes: Uint8Array.of(137, 80, 78, 71, 13, 10),
      details: { offset: 0, expected: 'GGUF' },
    },
    { name: 'GGUF in name only', bytes: text('GGUF, they said'), details: { offset: 4, expected: [2, 3] } },
    { name: 'version 1', bytes: patched(bytes, 'GGUF', 4, [1]), details: { offset: 4, found: 1 } },
    {
      name: 'big-endian',
      bytes: patched(bytes, 'GGUF', 4, [0, 0, 0, 3]),
      details: { offset: 4, found: 'big-endian' },
    },
  ]
}

export function lyingHeaders(parts: ModelParts): OddModel[] {
  const { bytes, tensors } = parts
  const key = 'tokenizer.ggml.tokens'
  const lengths = [huge, unsafe, large]
  const patches = (name: string, find: string, shift: number, details: Details) =>
    lengths.map((length, i) => ({
      name: `${name} ${i}`,
      bytes: patched(bytes, find, shift, length),
      details,
    }))
  const first = (change: Partial<WrittenTensor>): Bytes =>
    rewritten(parts, { tensors: [{ ...tensors[0]!, ...change }, ...tensors.slice(1)] })
  const tensor = tensors[0]!.name
  return [
    ...[2n ** 64n - 1n, 2n ** 53n, 99_999, tensors.length + 1].map(numTensors => ({
      name: `${numTensors} tensors`,
      bytes: rewritten(parts, { numTensors }),
      details: {},
    })),
    ...[2n ** 64n - 1n, 99_999, 30].map(numEntries => ({
      name: `${numEntries} metadata entries`,
      bytes: rewritten(parts, { numEntries }),
      details: {},
    })),
    ...patches('key length', 'general.name', -8, {}),
    ...patches('string length', 'stories40K', -8, { key: 'general.name' }),
    ...patches('array length', key, key.length + 8, { key }),
    ...patches('tensor name length', 'token_embd', -8, {}),
    { name: 'dimension 2^60', bytes: first({ dims: [2n ** 60n] }), details: { tensor } },
    { name: 'dimensions 2^30 x 2^30', bytes: first({ dims: [2 ** 30, 2 ** 30] }), details: { tensor } },
    { name: 'dimension 0', bytes: first({ dims: [0, 512] }), details: { tensor } },
    { name: 'no dimensions', bytes: first({ dims: [] }), details: { tensor } },
    { name: 'more rows than bytes', bytes: first({ dims: [32, 2 ** 20] }), details: {} },
    { name: 'offset off the alignment', bytes: first({ offset: 4 }), details: { tensor, found: 4 } },
    { name: 'offset inside another tensor', bytes: first({ offset: 65536 }), details: {} },
    { name: 'offset 2^40', bytes: first({ offset: 2 ** 40 }), details: { tensor, found: 0 } },
    { name: 'offset 2^62', bytes: first({ offset: 2n ** 62n }), details: { tensor } },
    {
      name: 'alignment 3',
      bytes: rewritten(parts, { metadata: { 'general.alignment': 3 }, alignment: 32 }),
      details: { found: 3 },
    },
  ]
}

/** Readable files whose metadata or tensors do not make a model that runs. */
export function lyingModels(parts: ModelParts): OddModel[] {
  const set = (key: string, value: MetadataValue | undefined, details: Details = { key }): OddModel => ({
    name: `${key} ${String(value).slice(0, 20)}`,
    bytes: rewritten(parts, { metadata: { [key]: value } }),
    details,
  })
  const tokens = parts.metadata.get('tokenizer.ggml.tokens') as string[]
  return [
    set('llama.block_count', 1.5),
    set('llama.block_count', 500, { tensor: 'blk.2.attn_norm.weight', expected: [32] }),
    set('llama.block_count', 1, { tensor: 'blk.1.attn_norm.weight' }),
    set('llama.embedding_length', 64, { tensor: 'token_embd.weight', expected: [512, 64], found: [512, 32] }),
    set('llama.embedding_length', 2 ** 31),
    set('llama.feed_forward_length', 2 ** 23, { tensor: 'blk.0.ffn_gate.weight', found: [88, 32] }),
    set('llama.attention.head_count', 0),
    set('llama.attention.head_count', undefined, { key: 'llama.attention.head_count', found: null }),
    set('llama.attention.head_count_kv', 3),
    set('llama.attention.head_count_kv', 0.5, {}),
    set('llama.attention.layer_norm_rms_epsilon', Number.NaN),
    set('llama.rope.dimension_count', 10),
    set('llama.rope.scaling.type', 'yarn'),
    set('llama.context_length', 2 ** 40),
    set('llama.context_length', 'long'),
    set('llama.vocab_size', 511, { expected: 511, found: 512 }),
    set('tokenizer.ggml.model', 'bert'),
    set('tokenizer.ggml.tokens', undefined),
    set('tokenizer.ggml.tokens', tokens.slice(1), {}),
    set('tokenizer.ggml.scores', [1, 2]),
    set('tokenizer.ggml.eos_token_id', 512),
  ]
}

export function unsupportedModels(parts: ModelParts): OddModel[] {
  const { tensors } = parts
  const arch = (architecture: MetadataValue | undefined, found: unknown): OddModel => ({
    name: `architecture ${architecture}`,
    bytes: rewritten(parts, { metadata: { 'general.architecture': architecture } }),
    details: {
      key: 'general.architecture',
      expected: ['llama', 'qwen2', 'qwen3', 'smollm3', 'phi3', 'gemma2', 'gemma3'],
      found,
    },
  })
  const supported = 'F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K'.split(' ')
  const type = (id: number, found: string): OddModel => ({
    name: `tensor type ${found}`,
    bytes: rewritten(parts, { tensors: [{ ...tensors[0]!, type: id }, ...tensors.slice(1)] }),
    details: { tensor: 'token_embd.weight', found, expected: supported },
  })
  return [
    arch('gpt2', 'gpt2'),
    arch('mamba', 'mamba'),
    arch(7, 7),
    arch(undefined, null),
    type(10, 'Q2_K'),
    type(15, 'Q8_K'),
    type(77, '77'),
  ]
}

export function wrongTensors(parts: ModelParts): OddModel[] {
  const { tensors } = parts
  const without = (name: string) => tensors.filter(tensor => tensor.name !== name)
  const named = (name: string) => tensors.find(tensor => tensor.name === name)!
  const q = 'blk.1.attn_q.weight'
  const norm = 'output_norm.weight'
  const narrow = { ...named(q), dims: [32, 16], data: named(q).data.subarray(0, 2048) }
  const long = { ...named(norm), dims: [64], data: new Uint8Array(256) }
  const bias = { ...named(norm), name: 'blk.0.attn_q.bias' }
  return [
    { name: 'a missing matrix', tensors: without(q), details: { tensor: q, expected: [32, 32] } },
    { name: 'a missing vector', tensors: without(norm), details: { tensor: norm, expected: [32] } },
    {
      name: 'a narrow matrix',
      tensors: [...without(q), narrow],
      details: { tensor: q, expected: [32, 32], found: [16, 32] },
    },
    {
      name: 'a turned matrix',
      tensors: [...without(q), { ...named(q), dims: [16, 64] }],
      details: { tensor: q, found: [64, 16] },
    },
    {
      name: 'a long vector',
      tensors: [...without(norm), long],
      details: { tensor: norm, expected: [1, 32], found: [1, 64] },
    },
    { name: 'a bias', tensors: [...tensors, bias], details: { tensor: bias.name } },
  ].map(({ tensors: changed, ...others }) => ({ ...others, bytes: rewritten(parts, { tensors: changed }) }))
}

/** Sound models whose vocabulary is not the usual model's. */
export function strangeDrafts(parts: ModelParts): OddModel[] {
  const key = 'tokenizer.ggml.tokens'
  const tokens = parts.metadata.get(key) as MetadataValue[]
  const renamed = (numKept: number) => tokens.map((token, id) => (id < numKept ? token : `Foretoken ${id}`))
  // Three special tokens come first.
  return [3, 90].map(numKept => ({
    name: `${numKept} tokens of ${tokens.length} alike`,
    bytes: rewritten(parts, { metadata: { [key]: renamed(numKept) } }),
    details: { id: numKept, found: `Foretoken ${numKept}`, commonTokens: numKept - 3, neededShare: 0.25 },
  }))
}

export const withoutTensors = (parts: ModelParts): OddModel => ({
  name: 'no tensors',
  bytes: rewritten(parts, { numTensors: 0 }),
  details: {},
})
