/** For tests: floats within a tolerance, checked in one expectation, since there may be millions. */
import { expect } from 'vitest'

/** The tolerance of an element is relative * |expected| + absolute, or what the function says. */
export function expectClose(
  actual: Float32Array,
  expected: Float32Array,
  tolerance: { relative?: number; absolute?: number } | ((at: number) => number),
): void {
  expect(actual.length).toBe(expected.length)
  const allowed =
    typeof tolerance === 'function'
      ? tolerance
      : (at: number) => (tolerance.relative ?? 0) * Math.abs(expected[at]!) + (tolerance.absolute ?? 0)
  const wrong = expected.findIndex((value, at) => !(Math.abs(actual[at]! - value) <= allowed(at)))
  if (wrong < 0) return
  expect.fail(`element ${wrong} is ${actual[wrong]}, not ${expected[wrong]} ± ${allowed(wrong)}`)
}
