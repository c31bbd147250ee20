import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { toFloat32 } from './row-values'
import { SafetensorsReader } from './safetensors-reader'

const heads = new URL('../../tiny-models/tales-heads.safetensors', import.meta.url)

function file(header: unknown, data = new Uint8Array(0), length?: number): Blob {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const start = new DataView(new ArrayBuffer(8))
  start.setBigUint64(0, BigInt(length ?? json.length), true)
  return new Blob([start.buffer, json, data])
}

const tensor = (dtype: string, shape: unknown, data_offsets: unknown) => ({
  a: { dtype, shape, data_offsets },
})

describe('SafetensorsReader', () => {
  it('reads the heads that are bundled', async () => {
    const reader = await SafetensorsReader.open(new Blob([await readFile(heads)]))
    expect(reader.tensors.map(({ name, type, rows, columns }) => [name, type, rows, columns])).toEqual(
      [0, 1, 2].map(i => [`medusa.${i}.weight`, 'f16', 192, 192]),
    )
    let numValues = 0
    for await (const {
      tensor: { type, columns },
      numRows,
      data,
    } of reader.rows()) {
      const values = toFloat32(type, data, columns * numRows)
      expect(values.every(value => Math.abs(value) < 10)).toBe(true)
      numValues += values.length
    }
    expect(numValues).toBe(3 * 192 * 192)
  })

  it('gives tensors in the order of their data, with their values', async () => {
    const data = new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer)
    const reader = await SafetensorsReader.open(
      file(
        {
          __metadata__: { format: 'pt' },
          b: { dtype: 'F32', shape: [2], data_offsets: [16, 24] },
          a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
        },
        data,
      ),
    )
    const seen: unknown[] = []
    for await (const {
      tensor: { name, columns },
      data: bytes,
      numRows,
    } of reader.rows()) {
      seen.push([name, [...toFloat32('f32', bytes, columns * numRows)]])
    }
    expect(seen).toEqual([
      ['a', [1, 2, 3, 4]],
      ['b', [5, 6]],
    ])
  })

  it.each([
    ['no file', new Blob([])],
    ['a header that is no JSON', file('{"a":')],
    ['a header that is a list', file([1])],
    ['a length beyond reason', file({}, undefined, 2 ** 50)],
    ['a header that is cut', file({}, undefined, 500)],
    ['a type that is not supported', file(tensor('I64', [1], [0, 8]), new Uint8Array(8))],
    ['a shape of nothing', file(tensor('F32', [0], [0, 0]))],
    ['a shape that is none', file(tensor('F32', 'x', [0, 4]), new Uint8Array(4))],
    ['data that are too short for the shape', file(tensor('F32', [2], [0, 4]), new Uint8Array(4))],
    ['a file that ends inside a tensor', file(tensor('F32', [2], [0, 8]), new Uint8Array(4))],
    [
      'tensors that overlap',
      file(
        {
          a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
          b: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
        },
        new Uint8Array(8),
      ),
    ],
  ])('refuses %s', async (_, blob) => {
    await expect(SafetensorsReader.open(blob)).rejects.toMatchObject({ code: 'bad-model' })
  })
})
