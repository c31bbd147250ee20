/** Hugging Face folders beside GGUF files of the same weights: fixtures/make-architectures.py. */
import { readdir, readFile } from 'node:fs/promises'
import { vocabularyDifference } from '@foretoken/tokenizer'
import { encodeRows, type FileSource, toFloat32 } from '@foretoken/weights'
import { describe, expect, it } from 'vitest'
import { readModelConfig } from './model-config'
import { openModelFiles } from './open-model-files'
import { inspect } from './preflight'
import { readSettings } from './settings'
import type { Quantization } from './types'

const fixtures = new URL('../fixtures/', import.meta.url)
const names = [
  'llama-3.2',
  'mistral',
  'qwen2.5',
  'phi-3',
  'phi-4-mini',
  'gemma-2',
  'gemma-3',
  'qwen3',
  'smollm3',
]
const guaranteed = 128 * 2 ** 20

async function folderOf(name: string): Promise<Map<string, File>> {
  const folder = new URL(`${name}/`, fixtures)
  const files = (await readdir(folder)).map(
    async file => [file, new File([await readFile(new URL(file, folder))], file)] as const,
  )
  return new Map(await Promise.all(files))
}

const ggufOf = async (name: string) => new Blob([await readFile(new URL(`${name}.gguf`, fixtures))])
const open = (source: FileSource, quantize?: Quantization) => openModelFiles(source, quantize, {})

/** Types and bytes by name. */
async function tensorsOf(reader: Awaited<ReturnType<typeof open>>['reader']) {
  const tensors = new Map<string, { type: string; bytes: number[] }>()
  for await (const { tensor, firstRow, data } of reader.rows()) {
    const { type, name, rows, columns } = tensor
    expect([rows, columns].every(size => size > 0)).toBe(true)
    if (firstRow === 0) tensors.set(name, { type, bytes: [] })
    tensors.get(name)!.bytes.push(...data)
  }
  return Object.fromEntries([...tensors].sort())
}

type Json = Record<string, unknown>

/** The folder with one of its JSON files changed. */
async function changed(name: string, change: (json: Json) => unknown, file = 'config.json'): Promise<File[]> {
  const files = await folderOf(name)
  const json = JSON.parse(await files.get(file)!.text()) as Json
  files.set(file, new File([JSON.stringify(change(json))], file))
  return [...files.values()]
}

describe.each(names)('the folder of %s', name => {
  it('has the tensors, the shape and the vocabulary of the GGUF file, byte for byte', async () => {
    const [folder, gguf] = [await open([...(await folderOf(name)).values()]), await open(await ggufOf(name))]
    expect(readModelConfig(folder.metadata)).toEqual(readModelConfig(gguf.metadata))
    expect(await tensorsOf(folder.reader)).toEqual(await tensorsOf(gguf.reader))
    const [own, other] = [folder.tokenizer(), gguf.tokenizer()]
    expect(vocabularyDifference(own, other)).toBeUndefined()
    expect([own.bosId, own.endIds]).toEqual([other.bosId, other.endIds])
    for (const text of ['αβγ', 'α β', 'Once']) expect(own.encode(text)).toEqual(other.encode(text))
  })

  it('is looked at by its headers', async () => {
    const model = [...(await folderOf(name)).values()]
    const options = { model, contextLength: 128 }
    const found = await inspect(options, readSettings(options), guaranteed)
    const same = { model: await ggufOf(name), contextLength: 128 }
    const { downloadBytes, ...expected } = await inspect(same, readSettings(same), guaranteed)
    expect(found).toMatchObject({ ...expected, name: 'the files' })
    expect(found.downloadBytes).toBeGreaterThan(downloadBytes / 2)
    expect(found.downloadBytes).toBeLessThanOrEqual(model.reduce((sum, file) => sum + file.size, 0))
  })
})

/** The file with its tensors under other names, and further ones behind them. */
async function renamed(
  file: File,
  rename: (name: string) => string,
  more: Record<string, number[]>,
): Promise<File> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))
  const old: Json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)))
  const header = Object.fromEntries(Object.entries(old).map(([name, info]) => [rename(name), info]))
  let end = bytes.length - start
  for (const [name, shape] of Object.entries(more)) {
    const size = shape.reduce((product, each) => product * each, 4)
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + size] }
    end += size
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const length = new BigUint64Array([BigInt(json.length)])
  const behind = new Uint8Array(end - (bytes.length - start))
  return new File([length, json, bytes.subarray(start), behind], file.name)
}

describe('Gemma 3 as a part of a model that sees', () => {
  it.each([
    ['older', 'language_model.model.', 'vision_tower.vision_model.'],
    ['newer', 'model.language_model.', 'model.vision_tower.vision_model.'],
  ])('is what its text alone is, under the %s names', async (_, text, vision) => {
    const [weights, config] = ['model.safetensors', 'config.json']
    const files = await folderOf('gemma-3')
    const rename = (name: string) => name.replace(/^model\./, text)
    const patches = { [`${vision}embeddings.patch_embedding.weight`]: [3, 3, 2, 2] }
    const projector = {
      [`${vision.split('vision')[0]}multi_modal_projector.mm_input_projection_weight`]: [4, 32],
    }
    files.set(weights, await renamed(files.get(weights)!, rename, { ...patches, ...projector }))
    const { eos_token_id, ...text_config } = JSON.parse(await files.get(config)!.text()) as Json
    const whole = { model_type: 'gemma3', text_config, vision_config: { hidden_size: 3 }, eos_token_id }
    files.set(config, new File([JSON.stringify(whole)], config))
    const [part, alone] = [await open([...files.values()]), await open(await ggufOf('gemma-3'))]
    expect(readModelConfig(part.metadata)).toEqual(readModelConfig(alone.metadata))
    expect(await tensorsOf(part.reader)).toEqual(await tensorsOf(alone.reader))
    expect(part.tokenizer().endIds).toEqual([eos_token_id])
  })
})

describe('quantize', () => {
  const valuesOf = async (quantize?: Quantization) => tensorsOf((await open(await models(), quantize)).reader)
  const models = async () => [...(await folderOf('llama-3.2')).values()]

  it.each(['q8_0', 'q4_0'] as const)('%s makes blocks of matrices whose rows are whole ones', async type => {
    const plain = await valuesOf()
    for (const [name, { type: found, bytes }] of Object.entries(await valuesOf(type))) {
      const { type: from, bytes: source } = plain[name]!
      const isMatrix = from === 'f16'
      // ffn_down has rows of 48.
      const isWhole = isMatrix && !name.includes('ffn_down')
      const expected = name === 'token_embd.weight' ? 'q8_0' : isWhole ? type : from
      expect([name, found]).toEqual([name, expected])
      if (found !== 'q8_0' && found !== 'q4_0') continue
      const values = toFloat32('f16', Uint8Array.from(source), source.length / 2)
      expect(bytes).toEqual([...encodeRows(found, values)])
    }
  })

  it('does the same to a GGUF file, and leaves blocks alone', async () => {
    expect(await tensorsOf((await open(await ggufOf('llama-3.2'), 'q8_0')).reader)).toEqual(
      await valuesOf('q8_0'),
    )
    const url = new URL('../../tiny-models/tales-tiny-q8_0.gguf', import.meta.url)
    const tale = new Blob([await readFile(url)])
    expect((await open(tale, 'q4_0')).reader.tensors).toEqual((await open(tale)).reader.tensors)
  })
})

describe('a folder is refused', () => {
  const index = 'model.safetensors.index.json'
  const without = async (...names: string[]) =>
    [...(await folderOf('llama-3.2')).values()].filter(({ name }) => !names.includes(name))
  const first = 'model-00001-of-00003.safetensors'

  it.each<[string, () => Promise<File[]>, object]>([
    [
      'of another architecture, by name',
      () => changed('qwen3', config => ({ ...config, model_type: 'gpt2' })),
      { found: 'gpt2', expected: expect.arrayContaining(['llama', 'mistral', 'qwen2', 'qwen3', 'smollm3']) },
    ],
    ['without config.json', () => without('config.json'), { expected: 'config.json' }],
    ['without tokenizer.json', () => without('tokenizer.json'), { expected: 'tokenizer.json' }],
    ['without a shard', () => without(first), { expected: first }],
    [
      'with a config.json that is a list',
      () => changed('qwen3', () => []),
      { file: 'config.json', found: '[]' },
    ],
    [
      'without a number',
      () => changed('qwen3', ({ hidden_size: _, ...config }) => config),
      { key: 'hidden_size', found: null },
    ],
    [
      'with a number that is none',
      () => changed('qwen3', config => ({ ...config, num_hidden_layers: '2' })),
      { key: 'num_hidden_layers', found: '2' },
    ],
    [
      'with more layers than there are',
      () => changed('llama-3.2', config => ({ ...config, num_hidden_layers: 3 })),
      { tensor: 'blk.2.attn_norm.weight', found: null },
    ],
    [
      'with another activation',
      () => changed('qwen3', config => ({ ...config, hidden_act: 'gelu' })),
      { key: 'hidden_act', found: 'gelu', expected: 'silu' },
    ],
    [
      'with another scaling of RoPE',
      () =>
        changed('qwen3', config => ({ ...config, rope_scaling: { type: 'yarn' }, rope_parameters: null })),
      { key: 'rope_scaling.rope_type', found: 'yarn' },
    ],
    [
      'with other layers that do not rotate',
      () => changed('smollm3', config => ({ ...config, no_rope_layers: [1, 1, 0, 1] })),
      { key: 'no_rope_layers', found: [1, 1, 0, 1], expected: [1, 1, 1, 0] },
    ],
    [
      'with another interval of them',
      () => changed('smollm3', config => ({ ...config, no_rope_layers: null, no_rope_layer_interval: 3 })),
      { key: 'no_rope_layer_interval', found: 3, expected: 4 },
    ],
    [
      'with heads beyond reason',
      () => changed('llama-3.2', config => ({ ...config, head_dim: 2 ** 30 })),
      { key: 'head_dim', found: 2 ** 30 },
    ],
    [
      'with a vocabulary beyond its tokens',
      () => changed('qwen3', config => ({ ...config, vocab_size: 2 ** 23 })),
      {},
    ],
    [
      'whose output matrix is missing',
      () => changed('llama-3.2', config => ({ ...config, tie_word_embeddings: false })),
      { tensor: 'lm_head.weight' },
    ],
    [
      'with an end that is no token',
      () => changed('qwen3', config => ({ ...config, eos_token_id: [2, 64] })),
      { key: 'eos_token_id', found: 64 },
    ],
    [
      'whose index names no files',
      () => changed('llama-3.2', () => ({ weight_map: { a: '../a.safetensors' } }), index),
      { file: index, found: ['a', '../a.safetensors'] },
    ],
    [
      'whose index names a tensor that is nowhere',
      () =>
        changed(
          'llama-3.2',
          ({ weight_map }) => ({ weight_map: { ...(weight_map as Json), a: first } }),
          index,
        ),
      { tensor: 'a', expected: 21, found: 20 },
    ],
    [
      'with a tensor in two files',
      async () => {
        const files = await folderOf('llama-3.2')
        const second = 'model-00002-of-00003.safetensors'
        return [...(await without(second)), new File([files.get(first)!], second)]
      },
      { expected: 'each name once', found: 2 },
    ],
    [
      'with a tokenizer of another kind',
      () => changed('qwen3', json => ({ ...json, model: { type: 'Unigram', vocab: [] } }), 'tokenizer.json'),
      {},
    ],
  ])('%s', async (_, files, details) => {
    const model = await files()
    const options = { model, contextLength: 128 }
    await expect(inspect(options, readSettings(options), guaranteed)).rejects.toMatchObject({
      code: 'bad-model',
      details,
    })
  })
})
