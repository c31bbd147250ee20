import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GgufReader } from './gguf-reader'
import type { MetadataValue } from './gguf-value'
import { type GgufContent, type WrittenTensor, writeGguf } from './gguf-writer'
import { encodeRows, toFloat32 } from './row-values'
import { isQuantised, rowBytes, supportedTypes, tensorTypes } from './tensor-type'

/** A blob whose stream comes in pieces of the given lengths, over and over; 0 is an empty piece. */
class PieceBlob extends Blob {
  constructor(
    readonly content: Uint8Array<ArrayBuffer>,
    readonly lengths: readonly number[],
  ) {
    super([content])
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { content, lengths } = this
    let at = 0
    let turn = 0
    return new ReadableStream({
      pull(controller) {
        const length = lengths[turn++ % lengths.length]!
        controller.enqueue(content.slice(at, at + length))
        at += length
        if (at >= content.length) controller.close()
      },
    })
  }
}

async function readAll(reader: GgufReader): Promise<Map<string, Uint8Array>> {
  const tensors = new Map<string, Uint8Array>()
  for await (const { tensor, firstRow, numRows, data } of reader.rows()) {
    const bytesPerRow = tensor.bytes / tensor.rows
    expect(data.length).toBe(numRows * bytesPerRow)
    const whole = tensors.get(tensor.name) ?? new Uint8Array(tensor.bytes)
    whole.set(data, firstRow * bytesPerRow)
    tensors.set(tensor.name, whole)
  }
  return tensors
}

const randomBytes = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24)

const tensor = fc
  .record({
    type: fc.constantFrom(...supportedTypes),
    blocks: fc.integer({ min: 1, max: 3 }),
    others: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
    seed: fc.nat(1000),
  })
  .map(({ type, blocks, others, seed }): Omit<WrittenTensor, 'name'> => {
    const columns = isQuantised(type) ? blocks * tensorTypes[type].elements : blocks * 7
    const dims = [columns, ...others]
    const rows = others.reduce((product, dim) => product * dim, 1)
    return { type, dims, data: randomBytes(rows * rowBytes(type, columns), seed) }
  })

const file = fc.record({
  tensors: fc.array(tensor, { maxLength: 5 }),
  version: fc.constantFrom(2, 3),
  alignment: fc.constantFrom(8, 32, 64),
  text: fc.string({ unit: 'grapheme' }),
})

describe('GgufReader', () => {
  test('reads back what was written, in whatever pieces it comes', async () => {
    const lengths = fc
      .array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 8 })
      .filter(pieces => pieces.some(length => length > 0))
    await fc.assert(
      fc.asyncProperty(file, lengths, async ({ tensors, version, alignment, text }, pieces) => {
        const named = tensors.map((tensor, i) => ({ name: `t${i}`, ...tensor }))
        const metadata: [string, MetadataValue][] = [
          ['general.alignment', alignment],
          ['text', text],
        ]
        const reader = await GgufReader.open(
          new PieceBlob(writeGguf({ metadata, tensors: named, version }), pieces),
        )
        expect(reader.metadata.get('text')).toBe(text)
        expect(reader.tensors.map(({ name, type, columns }) => ({ name, type, columns }))).toEqual(
          named.map(({ name, type, dims }) => ({ name, type, columns: dims[0] })),
        )
        const read = await readAll(reader)
        for (const { name, data } of named) expect(read.get(name)).toEqual(data)
      }),
      { numRuns: 40 },
    )
  })

  test('reads every type of metadata value', async () => {
    const metadata: GgufContent['metadata'] = [
      ['u8', { type: 'u8', value: 255 }],
      ['i8', { type: 'i8', value: -128 }],
      ['u16', { type: 'u16', value: 65535 }],
      ['i16', { type: 'i16', value: -2 }],
      ['u32', 2 ** 32 - 1],
      ['i32', -3],
      ['f32', { type: 'f32', value: 0.5 }],
      ['f64', 0.1],
      ['bool', true],
      ['string', '\ufeffé '],
      ['u64', 2n ** 53n - 1n],
      ['u64 large', 2n ** 53n],
      ['i64', -5n],
      ['i64 large', -(2n ** 63n)],
      ['strings', ['a', '', '\ufeff']],
      ['numbers', { type: 'f32', value: [1, -0.5] }],
      ['booleans', [true, false]],
      ['nested', [[1, 2], ['x'], []]],
      ['empty', []],
    ]
    const reader = await GgufReader.open(new Blob([writeGguf({ metadata, tensors: [] })]))
    const read = [...reader.metadata.values()]
    expect(read.slice(0, 6)).toEqual([255, -128, 65535, -2, 2 ** 32 - 1, -3])
    expect(read.slice(6, 14)).toEqual([0.5, 0.1, true, '\ufeffé ', 2 ** 53 - 1, 2n ** 53n, -5, -(2n ** 63n)])
    expect(read.slice(14)).toEqual([['a', '', '\ufeff'], [1, -0.5], [true, false], [[1, 2], ['x'], []], []])
  })

  test('gives groups of whole tiles of at most 4 MiB, but at least one tile', async () => {
    const wide = {
      name: 'wide',
      type: 'f32',
      dims: [2 ** 16 + 1, 20],
      data: new Uint8Array(80 * (2 ** 16 + 1)),
    } as const
    const long = {
      name: 'long',
      type: 'f16',
      dims: [2 ** 10, 3000],
      data: new Uint8Array(6000 * 2 ** 10),
    } as const
    const reader = await GgufReader.open(new Blob([writeGguf({ metadata: [], tensors: [wide, long] })]))
    const groups: [string, number, number][] = []
    for await (const group of reader.rows()) groups.push([group.tensor.name, group.firstRow, group.numRows])
    expect(groups).toEqual([
      ['wide', 0, 16],
      ['wide', 16, 4],
      ['long', 0, 2048],
      ['long', 2048, 952],
    ])
  })

  test('orders tensors by offset and reports progress up to the size of the file', async () => {
    const data = encodeRows('f32', new Float32Array(8))
    const tensors = [
      { name: 'second', type: 'f32', dims: [8], data, offset: 32 },
      { name: 'first', type: 'f32', dims: [8], data, offset: 0 },
    ] as const
    const bytes = writeGguf({ metadata: [], tensors })
    const progress: unknown[] = []
    const reader = await GgufReader.open(new PieceBlob(bytes, [50]), {
      onProgress: each => progress.push(each),
    })
    expect(reader.tensors.map(tensor => tensor.name)).toEqual(['first', 'second'])
    await readAll(reader)
    expect(progress.at(-1)).toEqual({ loaded: bytes.length, total: bytes.length, fetched: 0 })
    expect(progress.length).toBe(Math.ceil(bytes.length / 50))
  })

  test('cancels the stream when the loop is left, and reads only once', async () => {
    const data = encodeRows('f32', new Float32Array(8))
    const tensors = [0, 1].map(i => ({ name: `t${i}`, type: 'f32' as const, dims: [8], data }))
    const reader = await GgufReader.open(new PieceBlob(writeGguf({ metadata: [], tensors }), [64]))
    for await (const _ of reader.rows()) break
    await expect(reader.rows().next()).rejects.toMatchObject({ code: 'bad-request' })
    await reader.close()
  })
})

const models = new URL('../../../../shared/models/', import.meta.url)

describe.skipIf(!existsSync(models))('files of ../shared/models (skipped where they are missing)', () => {
  test.each(['stories260K-f32', 'stories260K-f16', 'stories260K-q8_0', 'stories260K-q4_0', 'stories40K-f32'])(
    '%s is read whole',
    async name => {
      const reader = await GgufReader.open(new Blob([readFileSync(new URL(`${name}.gguf`, models))]))
      expect(reader.metadata.get('general.architecture')).toBe('llama')
      const read = await readAll(reader)
      expect([...read.keys()]).toEqual(reader.tensors.map(tensor => tensor.name))
      for (const { name, type, rows, columns } of reader.tensors) {
        const values = toFloat32(type, read.get(name)!, rows * columns)
        expect(values.every(value => Math.abs(value) < 100)).toBe(true)
      }
    },
  )

  test('the quantised files are near the f32 file', async () => {
    const readEmbedding = async (name: string) => {
      const reader = await GgufReader.open(new Blob([readFileSync(new URL(name, models))]))
      const info = reader.tensors.find(tensor => tensor.name === 'token_embd.weight')!
      return toFloat32(info.type, (await readAll(reader)).get(info.name)!, info.rows * info.columns)
    }
    const exact = await readEmbedding('stories260K-f32.gguf')
    for (const [file, error] of [
      ['f16', 1e-3],
      ['q8_0', 0.02],
      ['q4_0', 0.3],
    ] as const) {
      const near = await readEmbedding(`stories260K-${file}.gguf`)
      expect(Math.max(...near.map((value, i) => Math.abs(value - exact[i]!)))).toBeLessThan(error)
    }
  })
})
