import { expect, test } from 'vitest'
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './float16'

const allHalves = Array.from({ length: 65536 }, (_, half) => half)

test('every half-precision number survives the round trip', () => {
  const wrong = allHalves.filter(half => {
    const value = fromFloat16(half)
    return Number.isNaN(value) ? !Number.isNaN(fromFloat16(toFloat16(value))) : toFloat16(value) !== half
  })
  expect(wrong).toEqual([])
})

test('every bfloat16 number survives the round trip', () => {
  const wrong = allHalves.filter(half => {
    const value = fromBfloat16(half)
    return Number.isNaN(value) ? !Number.isNaN(fromBfloat16(toBfloat16(value))) : toBfloat16(value) !== half
  })
  expect(wrong).toEqual([])
})

test.each([
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [65519, 0x7bff],
  [65520, 0x7c00],
  [2 ** -24, 1],
  [2 ** -25, 0],
  [1.5 * 2 ** -24, 2],
  [2 ** -14, 0x400],
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
])('%d is the half-precision number 0x%s', (value, half) => {
  expect(toFloat16(value)).toBe(half)
})

test('bfloat16 rounds ties to even', () => {
  expect(toBfloat16(1 + 2 ** -8)).toBe(0x3f80)
  expect(toBfloat16(1 + 3 * 2 ** -8)).toBe(0x3f82)
})
