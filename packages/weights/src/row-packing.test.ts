import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBfloat16, fromFloat16 } from './float16'
import { packedSize, packRows, paddedColumns, paddedRows, rowsPerTile } from './row-packing'
import { type EncodedType, encodedTypes, encodeRows, toFloat32 } from './row-values'
import { isQuantised, rowBytes, supportedTypes } from './tensor-type'

type Packed = ReturnType<typeof packRows>

const columnsPerChunk: Record<EncodedType, number> = { f32: 4, f16: 8, bf16: 8, q8_0: 16, q4_0: 32 }

/** One element as a kernel would read it. */
function unpack(type: EncodedType, columns: number, { quants, scales }: Packed, row: number, column: number) {
  const [tile, lane] = [Math.floor(row / rowsPerTile), row % rowsPerTile]
  const perChunk = columnsPerChunk[type]
  const chunk = tile * (paddedColumns(columns) / perChunk) + Math.floor(column / perChunk)
  const word = (i: number) => quants[(chunk * rowsPerTile + lane) * 4 + i]!
  const halfOf = (i: number) => (word(i >> 1) >>> (16 * (i & 1))) & 0xffff
  const at = column % perChunk
  if (type === 'f32') return new Float32Array(new Uint32Array([word(at)]).buffer)[0]!
  if (type === 'f16') return fromFloat16(halfOf(at))
  if (type === 'bf16') return fromBfloat16(halfOf(at))
  const pair = (tile * (paddedColumns(columns) / 64) + (column >> 6)) * rowsPerTile + lane
  const scale = fromFloat16((scales[pair]! >>> (16 * ((column >> 5) & 1))) & 0xffff)
  if (type === 'q8_0') return scale * ((word(at >> 2) << (24 - 8 * (at & 3))) >> 24)
  const nibble = 8 * (at & 3) + (at < 16 ? 0 : 4)
  return scale * ((word((at & 15) >> 2) << (28 - nibble)) >> 28)
}

const matrix = fc
  .record({
    type: fc.constantFrom(...encodedTypes),
    rows: fc.nat(35),
    blocks: fc.integer({ min: 1, max: 4 }),
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
        for (let row = 0; row < paddedRows(rows); row++) {
          for (let column = 0; column < paddedColumns(columns); column++) {
            const value = row < rows && column < columns ? expected[row * columns + column]! : 0
            expect(unpack(type, columns, packed, row, column) + 0).toBe(value + 0)
          }
        }
        const { quantBytes, scaleBytes } = packedSize(type, rows, columns)
        expect([packed.quants.byteLength, packed.scales.byteLength]).toEqual([quantBytes, scaleBytes])
      }),
      { numRuns: 40 },
    )
  })

  test('groups of whole tiles side by side are the whole tensor', () => {
    for (const type of supportedTypes) {
      const columns = type.endsWith('_k') ? 512 : 96
      const half = rowsPerTile * rowBytes(type, columns)
      const data = Uint8Array.from({ length: 2 * half }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24)
      const whole = packRows(type, columns, data)
      const { quantBytes, scaleBytes } = packedSize(type, 2 * rowsPerTile, columns)
      expect([whole.quants.byteLength, whole.scales.byteLength]).toEqual([quantBytes, scaleBytes])
      const parts = [data.subarray(0, half), data.subarray(half)].map(part => packRows(type, columns, part))
      expect(parts.flatMap(part => [...part.quants])).toEqual([...whole.quants])
      expect(parts.flatMap(part => [...part.scales])).toEqual([...whole.scales])
    }
  })

  test.each([
    ['q8_0', 8.5],
    ['q4_0', 4.5],
    ['q4_1', 5],
    ['q5_0', 5.5],
    ['q5_1', 6],
    ['q4_k', 5],
    ['q5_k', 6],
    ['q6_k', 7],
  ] as const)('%s takes %d bits per weight', (type, bits) => {
    const { quantBytes, scaleBytes } = packedSize(type, 32, 512)
    expect((quantBytes + scaleBytes) * 8).toBe(32 * 512 * bits)
  })

  test('refuses bytes that are no whole rows', () => {
    expect(() => packRows('f32', 2, new Uint8Array(9))).toThrow('no whole rows')
    expect(() => packRows('q8_0', 33, new Uint8Array(68))).toThrow('no whole block')
  })
})

describe('encodeRows', () => {
  const steps: Record<EncodedType, number> = {
    f32: 0,
    f16: 2 ** -11,
    bf16: 2 ** -8,
    q8_0: 1 / 126,
    q4_0: 1 / 7,
  }

  test.each(encodedTypes)('%s keeps values within its step', type => {
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
