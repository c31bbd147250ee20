import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { type EncodedType, encodeRows, toFloat32 } from './row-values'
import { supportedTypes, type TensorType } from './tensor-type'

/** Made by the scripts beside them with GGML's reference package. */
const read = async (name: string) =>
  JSON.parse(await readFile(new URL(`../fixtures/${name}`, import.meta.url), 'utf8'))
const fixture: Record<string, { data: string; values: string }> = await read('dequantised.json')
const { values: numbers, ...quantised }: Record<string, string> = await read('quantised.json')
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

test('the fixture has every type but f32', () => {
  expect(Object.keys(fixture).sort()).toEqual(supportedTypes.filter(type => type !== 'f32').sort())
})

test.each(Object.entries(fixture))(
  '%s blocks have the values of the reference package, bit for bit',
  (type, { data, values }) => {
    const expected = new Uint32Array(bytes(values).buffer)
    const found = toFloat32(type as TensorType, bytes(data), expected.length)
    expect(new Uint32Array(found.buffer)).toEqual(expected)
  },
)

test.each(Object.entries(quantised))(
  'numbers become the %s blocks of the reference package, byte for byte',
  (type, blocks) => {
    const values = new Float32Array(bytes(numbers!).buffer)
    expect(encodeRows(type as EncodedType, values)).toEqual(bytes(blocks))
  },
)
