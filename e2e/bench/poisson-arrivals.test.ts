import { expect, it } from 'vitest'
import { poissonArrivals } from './poisson-arrivals'
import { quantile } from './quantile'
import { mulberry32 } from './random-model'

it('arrives at the rate, with gaps that are exponential', () => {
  const arrivals = poissonArrivals(4, 20_000, mulberry32(3))
  const gaps = arrivals.map((at, i) => at - (arrivals[i - 1] ?? 0))
  expect(arrivals.at(-1)! / 20_000).toBeCloseTo(250, -1)
  expect(gaps.every(gap => gap >= 0)).toBe(true)
  for (const q of [0.1, 0.5, 0.9, 0.99]) {
    expect(quantile(gaps, q) / (-250 * Math.log(1 - q))).toBeCloseTo(1, 1)
  }
})

it('takes quantiles by rank', () => {
  expect([0, 0.5, 0.51, 0.99, 1].map(q => quantile([4, 1, 3, 2], q))).toEqual([1, 2, 3, 4, 4])
  expect(quantile([7], 0.99)).toBe(7)
})
