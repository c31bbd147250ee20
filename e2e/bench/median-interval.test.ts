import { expect, it } from 'vitest'
import { medianInterval } from './median-interval'
import { mulberry32 } from './random-model'

it('takes the order statistics of the binomial tables', () => {
  const values = (n: number) => Array.from({ length: n }, (_, i) => n - i)
  expect(medianInterval(values(10))).toEqual({ value: 5.5, low: 2, high: 9, n: 10 })
  expect(medianInterval(values(20))).toMatchObject({ low: 6, high: 15, n: 20 })
  expect(medianInterval(values(5))).toMatchObject({ value: 3, low: 1, high: 5 })
  expect(medianInterval([7])).toEqual({ value: 7, low: 7, high: 7, n: 1 })
})

it('holds the median as often as it says', () => {
  const random = mulberry32(1)
  const trials = 4000
  let held = 0
  for (let i = 0; i < trials; i++) {
    // Skewed, as times are.
    const { low, high } = medianInterval(Array.from({ length: 12 }, () => -Math.log(1 - random())))
    if (low <= Math.LN2 && Math.LN2 <= high) held++
  }
  expect(held / trials).toBeGreaterThan(0.9)
})
