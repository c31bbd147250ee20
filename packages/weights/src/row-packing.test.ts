import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBfloat16, fromFloat16 } from './float16'
import { packedSize, packRows, paddedColumns } from './row-packing'
import { encodeRows, toFloat32 } from './row-values'
import { isQuantised, rowBytes, supportedTypes, type TensorType } from './tensor-type'

type Packed = ReturnType<typeof packRows>

/** One element as a kernel would read it. */
function unpack(type: TensorType, columns: number, { quants, scales }: Packed, row: number, column: number) {
  const index = row * paddedColumns(columns) + column
  const halfOf = (words: Uint32Array, at: number) => (words[at >> 1]! >>> (16 * (at & 1))) & 0xffff
  if (type === 'f32') return new Float32Array(quants.buffer)[index]!
  if (type === 'f16') return fromFloat16(halfOf(quants, index))
  if (type === 'bf16') return fromBfloat16(halfOf(quants, index))
  const scale = fromFloat16(halfOf(scales, index >> 5))
  if (type === 'q8_0') return scale * ((quants[index >> 2]! << (24 - 8 * (index & 3))) >> 24)
  const inBlock = index & 31
  const byte = (quants[(index >> 5) * 4 + ((inBlock & 15) >> 2)]! >>> (8 * (inBlock & 3))) & 255
  return scale * ((inBlock < 16 ? byte & 15 : byte >> 4) - 8)
}

const matrix = fc
  .record({
    type: fc.constantFrom(...supportedTypes),
    rows: fc.nat(4),
    blocks: fc.integer({ min: 1, max: 5 }),
  })
  .chain(({ type, rows, blocks }) => {
    const columns = isQuantised(type) ? blocks * 32 : blocks * 13
    const length = rows * columns
    const values = fc.float32Array({ minLength: length, maxLength: length, noNaN: true, min: -9, max: 9 })
    return fc.record({
      type: fc.constant(type),
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      values,
    })
  })

describe('packRows', () => {
  test('holds what toFloat32 reads, with zeros as padding, at any alignment of the data', () => {
    fc.assert(
      fc.property(matrix, fc.nat(3), ({ type, rows, columns, values }, shift) => {
        const encoded = encodeRows(type, values)
        const data = new Uint8Array(encoded.length + shift).subarray(shift)
        data.set(encoded)
        const packed = packRows(type, columns, data)
        const expected = toFloat32(type, data, rows * columns)
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < paddedColumns(columns); column++) {
            const value = column < columns ? expected[row * columns + column]! : 0
            expect(unpack(type, columns, packed, row, column) + 0).toBe(value + 0)
          }
        }
        const { quantBytes, scaleBytes } = packedSize(type, rows, columns)
        expect([packed.quants.byteLength, packed.scales.byteLength]).toEqual([quantBytes, scaleBytes])
      }),
      { numRuns: 60 },
    )
  })

  test('groups of rows side by side are the whole tensor', () => {
    const values = Float32Array.from({ length: 4 * 96 }, (_, i) => Math.sin(i))
    for (const type of supportedTypes) {
      const data = encodeRows(type, values)
      const half = data.length / 2
      const whole = packRows(type, 96, data)
      const parts = [packRows(type, 96, data.subarray(0, half)), packRows(type, 96, data.subarray(half))]
      expect(parts.flatMap(part => [...part.quants])).toEqual([...whole.quants])
      expect(parts.flatMap(part => [...part.scales])).toEqual([...whole.scales])
    }
  })

  test('a padding block of q4_0 has zero nibbles and scale 0', () => {
    const { quants, scales } = packRows('q4_0', 32, encodeRows('q4_0', new Float32Array(32).fill(1)))
    expect([...quants.subarray(4)]).toEqual(new Array(4).fill(0x88888888))
    expect(scales[0]! >>> 16).toBe(0)
  })

  test('refuses bytes that are no whole rows', () => {
    expect(() => packRows('f32', 2, new Uint8Array(9))).toThrow('no whole rows')
    expect(() => packRows('q8_0', 33, new Uint8Array(68))).toThrow('no whole block')
  })
})

describe('encodeRows', () => {
  const steps: Record<TensorType, number> = {
    f32: 0,
    f16: 2 ** -11,
    bf16: 2 ** -8,
    q8_0: 1 / 126,
    q4_0: 1 / 7,
  }

  test.each(supportedTypes)('%s keeps values within its step', type => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 64, maxLength: 64, noNaN: true, min: -4, max: 4 }), values => {
        const decoded = toFloat32(type, encodeRows(type, values), 64)
        const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
        for (const [i, value] of values.entries()) {
          expect(Math.abs(decoded[i]! - value)).toBeLessThanOrEqual(steps[type] * most + 2 ** -20)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('toFloat32 refuses to read beyond its data', () => {
    expect(() => toFloat32('f32', new Uint8Array(7), 2)).toThrow('need 8 bytes')
  })
})

test('rowBytes counts blocks', () => {
  expect([rowBytes('f32', 3), rowBytes('bf16', 3), rowBytes('q8_0', 64), rowBytes('q4_0', 64)]).toEqual([
    12, 6, 68, 36,
  ])
})
