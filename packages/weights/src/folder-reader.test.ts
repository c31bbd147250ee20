import { afterEach, describe, expect, it, vi } from 'vitest'
import { ConvertedReader } from './converted-reader'
import { FolderReader } from './folder-reader'
import { locateModel } from './model-files'
import type { FileSource } from './model-source'
import { toFloat32 } from './row-values'

afterEach(() => vi.unstubAllGlobals())

interface Tensor {
  dtype: string
  shape: number[]
}

/** 8 bytes of length and the header; data of so many bytes belong behind it. */
function header(tensors: Record<string, Tensor>): [Uint8Array<ArrayBuffer>, number] {
  let end = 0
  const entries = Object.entries(tensors).map(([name, { dtype, shape }]) => {
    const start = end
    end += shape.reduce((product, size) => product * size, dtype === 'F32' ? 4 : 2)
    return [name, { dtype, shape, data_offsets: [start, end] }]
  })
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const bytes = new Uint8Array(8 + json.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return [bytes, end]
}

function safetensors(tensors: Record<string, Tensor>, data: ArrayBufferView<ArrayBuffer>): Blob {
  const [start, bytes] = header(tensors)
  expect(data.byteLength).toBe(bytes)
  return new Blob([start, data])
}

const texts = { 'config.json': '{}', 'tokenizer.json': '{}' }
const filesOf = (files: Record<string, Blob | string>) =>
  Object.entries({ ...texts, ...files }).map(([name, content]) => new File([content], name))

async function open(source: FileSource): Promise<FolderReader> {
  const place = await locateModel(source)
  if (!('folder' in place)) throw new Error('no folder')
  return FolderReader.open(place.folder, place.file)
}

const single = safetensors({ a: { dtype: 'F32', shape: [2] } }, new Float32Array([1, 2]))
const other = safetensors({ b: { dtype: 'F32', shape: [1] } }, new Float32Array([3]))
const index = (map: Record<string, string>) => JSON.stringify({ weight_map: map })
const namesOf = async (source: FileSource) => (await open(source)).tensors.map(({ name }) => name)

describe('a folder of safetensors', () => {
  it('goes by its index, then by model.safetensors, then by the only file', async () => {
    const shards = { 'x-1.safetensors': single, 'x-2.safetensors': other }
    const map = { 'model.safetensors.index.json': index({ b: 'x-2.safetensors', a: 'x-1.safetensors' }) }
    expect(await namesOf(filesOf({ ...shards, ...map, 'model.safetensors': single }))).toEqual(['a', 'b'])
    expect(await namesOf(filesOf({ ...shards, 'model.safetensors': other }))).toEqual(['b'])
    expect(await namesOf(filesOf({ 'weights.safetensors': other }))).toEqual(['b'])
    await expect(open(filesOf(shards))).rejects.toMatchObject({
      code: 'bad-model',
      details: { found: Object.keys(shards) },
    })
  })

  it('is none where there is a GGUF file', async () => {
    const place = await locateModel(filesOf({ 'model.safetensors': single, 'm.gguf': new Blob([]) }))
    expect(place).toMatchObject({ files: [{ name: 'm.gguf' }] })
  })

  it('at an address is asked for its files, and what may be missing may', async () => {
    const files = new Map(filesOf({ 'model.safetensors': single }).map(file => [file.name, file]))
    const asked: string[] = []
    vi.stubGlobal('fetch', async (url: string) => {
      const name = url.slice('https://a.test/m/'.length)
      asked.push(name)
      if (name === 'chat_template.jinja') return new Response('<!DOCTYPE html><p>Nothing is here.')
      const file = files.get(name)
      return file ? new Response(file) : new Response('', { status: 404 })
    })
    const { texts, bytes } = await open('https://a.test/m/')
    expect(texts).toMatchObject({ chatTemplate: undefined, generationConfig: {}, tokenizerConfig: undefined })
    expect(bytes).toBe([...files.values()].reduce((sum, { size }) => sum + size, 0))
    expect(asked).toContain('model.safetensors.index.json')
    for (const address of ['https://a.test/m/model.safetensors', new URL('https://a.test/m/config.json')]) {
      expect(await namesOf(address)).toEqual(['a'])
    }
    files.delete('config.json')
    await expect(open('https://a.test/m/')).rejects.toMatchObject({
      code: 'download',
      details: { status: 404 },
    })
  })

  it('on a hub is listed once, by its repository, its page or a file of it', async () => {
    const files = new Map(filesOf({ 'model.safetensors': single }).map(file => [file.name, file]))
    const asked: string[] = []
    vi.stubGlobal('fetch', async (url: string) => {
      asked.push(url)
      const inside = (path: string) => ({ type: 'file', path, size: files.get(path)?.size })
      if (url.includes('/api/')) return Response.json([...files.keys()].map(inside))
      return new Response(files.get(url.split('/').at(-1)!))
    })
    const sources: FileSource[] = [
      { repo: 'o/n' },
      'https://huggingface.co/o/n',
      { repo: 'o/n', file: 'model.safetensors' },
    ]
    for (const source of sources) {
      asked.length = 0
      expect(await namesOf(source)).toEqual(['a'])
      expect(asked.filter(url => url.includes('/api/'))).toHaveLength(1)
      expect(asked).toHaveLength(4)
    }
    files.set('config.json', new File(['no JSON'], 'config.json'))
    await expect(open({ repo: 'o/n' })).rejects.toMatchObject({
      code: 'bad-model',
      details: { file: 'config.json', found: 'no JSON' },
    })
  })

  it('in a folder of a repository is found there', async () => {
    vi.stubGlobal('fetch', async (url: string) => {
      const paths = ['sub/config.json', 'sub/tokenizer.json', 'sub/model.safetensors', 'model.safetensors']
      if (url.includes('/api/')) return Response.json(paths.map(path => ({ type: 'file', path })))
      expect(url).toContain('/o/n/resolve/main/sub/')
      return new Response(url.endsWith('json') ? '{}' : other)
    })
    expect(await namesOf({ repo: 'o/n', file: 'sub/model.safetensors' })).toEqual(['b'])
  })

  it('has values that something is added to in f32, whatever they were', async () => {
    const norm = new Uint16Array([0x3f80, 0xbf80, 0x3dcd, 0])
    const file = safetensors({ n: { dtype: 'BF16', shape: [4] } }, norm)
    const folder = await open(filesOf({ 'model.safetensors': file }))
    const reader = new ConvertedReader(folder, () => ({ name: 'norm', added: 1 }))
    expect(reader.tensors).toMatchObject([{ name: 'norm', type: 'f32', bytes: 16 }])
    for await (const { data } of reader.rows()) {
      expect(toFloat32('f32', data, 4)).toEqual(new Float32Array([2, 0, 1 + 0.10009765625, 1]))
    }
  })

  it('is streamed: no more is held than a group of rows and a piece of the file', async () => {
    const pieceBytes = 2 ** 16
    const groupBytes = 4 * 2 ** 20
    const tensors = { w: { dtype: 'BF16', shape: [2 ** 16, 1024] }, n: { dtype: 'F32', shape: [1024] } }
    const [start, dataBytes] = header(tensors)
    let pulled = 0
    /** 128 MB that nobody holds: ones. */
    class LargeFile extends File {
      override get size() {
        return start.length + dataBytes
      }
      override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
        const piece = new Uint8Array(new Uint16Array(pieceBytes / 2).fill(0x3f80).buffer)
        return new ReadableStream(
          {
            pull: controller => {
              const next = pulled === 0 ? start : piece.subarray(0, Math.min(pieceBytes, this.size - pulled))
              pulled += next.length
              if (next.length === 0) controller.close()
              else controller.enqueue(next.slice())
            },
          },
          { highWaterMark: 0 },
        )
      }
    }
    const files = [...filesOf({}), new LargeFile([], 'model.safetensors')]
    const reader = new ConvertedReader(await open(files), ({ name }) => ({ name, type: 'q4_0' }))
    let used = start.length
    for await (const { tensor, numRows, data } of reader.rows()) {
      used += tensor.name === 'w' ? numRows * 2048 : 4096
      expect(pulled - used).toBeLessThan(pieceBytes)
      expect(data.length).toBeLessThanOrEqual(groupBytes)
      if (tensor.type === 'q4_0') expect(toFloat32('q4_0', data.subarray(0, 18), 32)[0]).toBe(1)
    }
    expect(used).toBe(start.length + dataBytes)
  })
})
