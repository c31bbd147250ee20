import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { toFloat32 } from './row-values'
import { supportedTypes, type TensorType } from './tensor-type'

/** Made by fixtures/dequantised.py with GGML's reference package. */
const fixture: Record<string, { data: string; values: string }> = JSON.parse(
  await readFile(new URL('../fixtures/dequantised.json', import.meta.url), 'utf8'),
)
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
