import { expect, it } from 'vitest'
import { chiSquare, upperGamma } from './chi-square'

it('gives the tail of the chi-square distribution', () => {
  // Table values: chi-square 3.841 at 1 degree, 18.307 at 10, 124.342 at 100, each 0.05; 149.449 at 100: 0.001.
  expect(upperGamma(0.5, 3.841 / 2)).toBeCloseTo(0.05, 4)
  expect(upperGamma(5, 18.307 / 2)).toBeCloseTo(0.05, 4)
  expect(upperGamma(50, 124.342 / 2)).toBeCloseTo(0.05, 4)
  expect(upperGamma(50, 149.449 / 2)).toBeCloseTo(0.001, 5)
})

it('tells a fair die from a loaded one and pools rare faces', () => {
  const fair = Array<number>(6).fill(1 / 6)
  expect(chiSquare([100, 98, 103, 99, 101, 99], fair).p).toBeGreaterThan(0.9)
  expect(chiSquare([180, 84, 84, 84, 84, 84], fair).p).toBeLessThan(1e-6)
  expect(chiSquare([497, 499, 2, 2], [0.496, 0.5, 0.002, 0.002]).degrees).toBe(2)
})
