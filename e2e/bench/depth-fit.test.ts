import { expect, it } from 'vitest'
import { fitDepth } from './depth-fit'
import type { DepthRun } from './optimal-depths'

it('finds the depth of the model that made the runs', () => {
  // Su et al.'s acceptance, and a slope that grows with the batch.
  const ms = (batch: number, depth: number) => 10 + (0.4 * batch + 0.5) * depth
  const accepted = (depth: number) => 0.9 * depth ** 0.548
  const batches = [1, 2, 4, 8, 16]
  const runs = batches.flatMap(batch =>
    [0, 1, 2, 4, 8].map(
      (depth): DepthRun => ({ batch, depth, ms: ms(batch, depth), accepted: accepted(depth) }),
    ),
  )
  const found = batches.map(batch => fitDepth(runs, batch, 8))
  const expected = batches.map(batch => {
    const speeds = Array.from(
      { length: 9 },
      (_, depth) => (1 + (depth && accepted(depth))) / ms(batch, depth),
    )
    return speeds.indexOf(Math.max(...speeds))
  })
  expect(found).toEqual(expected)
  expect(found).toEqual([...found].sort((a, b) => b - a))
  expect(found[0]).toBeGreaterThan(found.at(-1)!)
})
