import { expect, it } from 'vitest'
import { clockGrain, meanMs } from './clock-grain'

it.each([0.005, 0.1, 1])('tells a clock with a grain of %f ms', grain => {
  let reads = 0
  const now = () => Math.floor((123.4 + ++reads * 0.0017) / grain) * grain
  expect(clockGrain(now)).toBeCloseTo(grain, 3)
})

it('measures again until it has enough', async () => {
  const times = [0, 1, 0, 1, 1, 9]
  expect(await meanMs(async () => times.shift()!, 3)).toBe(3 / 5)
  expect(times).toEqual([9])
  expect(await meanMs(async () => times.shift()!, 3)).toBe(9)
})
