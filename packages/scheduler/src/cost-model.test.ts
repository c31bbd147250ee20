import { describe, expect, it } from 'vitest'
import { CostModel } from './cost-model'
import { Estimates } from './estimates'
import { ModelDrafter } from './model-drafter'
import { request, timedSequence as sequence, stepOf as step } from './scheduler-case'
import { Sequence } from './sequence'
import type { Step } from './step'

const constrained = new Sequence(request(10, { constraint: { numAllowed: () => 0, forced: () => [] } }), 100)
const choices: Step['choices'] = new Map([[constrained, { method: 'draft', depth: 2 }]])

it('tells what it costs to read drafts back, and does not take it for the price of the passes', () => {
  const cost = new CostModel()
  cost.target.measure(3, 10)
  cost.of('draft').measure(1, 2)
  expect(cost.readbackMs).toBe(0)
  for (let i = 0; i < 20; i++) cost.observeStep({ ...step(3, [1, 1]), choices }, 19)
  expect(cost.readbackMs).toBeCloseTo(5)
  expect(cost.of('draft').at(1)).toBeCloseTo(2)
  const drafter = new ModelDrafter('draft', new Estimates(), 64, () => cost.readbackMs)
  expect(drafter.propose(constrained, 2, undefined)!.offer.waitMs).toBeCloseTo(5)
  expect(drafter.propose(sequence, 2, undefined)!.offer.waitMs).toBeUndefined()
})

it('does not take a slow device for the time it costs to read drafts back', () => {
  const cost = new CostModel()
  cost.target.measure(3, 10)
  cost.of('draft').measure(1, 2)
  for (let i = 0; i < 20; i++) cost.observeStep(step(3, [1, 1]), 2 * 14)
  for (let i = 0; i < 20; i++) cost.observeStep({ ...step(3, [1, 1]), choices }, 2 * 19)
  expect(cost.readbackMs).toBeGreaterThan(4)
  expect(cost.readbackMs).toBeLessThan(8)
})

describe('a table of measurements', () => {
  it('goes down at once, shrugs off noise x8 every third step and follows a real change', () => {
    const { target } = new CostModel()
    for (const ms of [40, 7, 5, 9, 40, 6, 8]) target.observe(1, ms)
    expect(target.at(1)).toBeLessThan(6.5)
    for (let i = 0; i < 50; i++) target.observe(1, i % 3 === 0 ? 80 : 10)
    expect(target.at(1)).toBeLessThan(12)
    for (let i = 0; i < 300; i++) target.observe(1, 30)
    expect(target.at(1)).toBeGreaterThan(25)
  })

  it('interpolates between measured rows and extends beyond the last, never below the first', () => {
    const { target } = new CostModel()
    target.observe(2, 10)
    target.observe(10, 26)
    expect(target.at(6)).toBeCloseTo(18)
    expect(target.at(18)).toBeCloseTo(42)
    expect(target.at(1)).toBeCloseTo(10) // k = 0 is measured, not the line's end
  })

  it('keeps steps where rows were measured one by one', () => {
    const { target } = new CostModel()
    ;[1, 1, 1, 1, 2, 2, 2, 2, 5].forEach((ms, i) => void target.observe(i + 1, ms))
    expect([4, 5, 8, 9].map(rows => target.at(rows))).toEqual([1, 2, 2, 5].map(ms => expect.closeTo(ms)))
  })

  it('never falls with rows: the cell that is known better is believed', () => {
    const { target } = new CostModel()
    target.observe(1, 10)
    target.observe(5, 80) // late
    for (let i = 0; i < 5; i++) target.observe(9, 20)
    expect(target.at(5)).toBeCloseTo(20)
    const costs = Array.from({ length: 20 }, (_, i) => target.at(i + 1))
    expect(costs).toEqual(costs.toSorted((a, b) => a - b))
  })

  it('holds on to the least of some measurements', () => {
    const [once, often] = [new CostModel().target, new CostModel().target]
    once.observe(1, 10)
    often.measure(1, 10)
    for (const target of [once, often]) target.observe(1, 14)
    expect(often.at(1)).toBeLessThan(10.4)
    expect(once.at(1)).toBeGreaterThan(11)
  })

  it('ignores what is not a time', () => {
    const { target } = new CostModel()
    for (const ms of [Number.NaN, -1, 0, Number.POSITIVE_INFINITY]) target.observe(1, ms)
    expect(target.measured).toBe(false)
  })

  it('comes back as it was stored', () => {
    const { target } = new CostModel()
    for (let rows = 1; rows < 200; rows++) target.observe(rows, 5 + rows / 10)
    const later = new CostModel()
    later.target.restore(target.measurements())
    expect(later.target.table()).toEqual(
      target.table().map(({ rows, ms }) => ({ rows, ms: expect.closeTo(ms, 6) })),
    )
  })
})

describe('live steps', () => {
  const measured = (): CostModel => {
    const cost = new CostModel()
    for (let repeat = 0; repeat < 3; repeat++) {
      for (let rows = 1; rows <= 9; rows++) {
        cost.target.observe(rows, 10 + rows)
        cost.of('draft').observe(rows, 2)
      }
    }
    return cost
  }

  it('a slowdown of everything is not learnt as the price of what ran', () => {
    const cost = measured()
    for (let i = 0; i < 100; i++) cost.observeStep(step(1), 2 * 11)
    expect(cost.target.at(1) / cost.target.at(5)).toBeGreaterThan(0.6)
    for (let i = 0; i < 10; i++) cost.observeStep(step(5), 2 * 15)
    expect(cost.target.at(1) / cost.target.at(5)).toBeCloseTo(11 / 15, 1)
  })

  it('a price that has changed has changed for near numbers of rows too, and less for far ones', () => {
    const cost = measured()
    for (let i = 0; i < 400; i++) cost.observeStep(step(i % 2 === 0 ? 1 : 6), i % 2 === 0 ? 11 : 32)
    expect(cost.target.at(6)).toBeGreaterThan(28)
    expect(cost.target.at(5)).toBeGreaterThan(17)
    expect(cost.target.at(1)).toBeLessThan(12.5)
  })

  it('a price that has changed is learnt when both are seen in turn', () => {
    const cost = measured()
    for (let i = 0; i < 200; i++) {
      cost.observeStep(step(1), 11)
      cost.observeStep(step(5), 30)
    }
    expect(cost.target.at(5) / cost.target.at(1)).toBeGreaterThan(2.2)
  })

  /** As at load, by a device that takes `factor` times as long as later. */
  const calibrated = (factor: number): CostModel => {
    const cost = new CostModel()
    for (const rows of [1, 5, 9, 3, 17, 2, 4, 7, 13]) cost.target.measure(rows, factor * (10 + 2 * rows))
    return cost
  }

  it('what was measured while the device was slow is cheaper when it is not, whatever runs since', () => {
    const cost = calibrated(1.5)
    for (let i = 0; i < 400; i++) cost.observeStep(step(11 + (i % 4)), 10 + 2 * (11 + (i % 4)))
    for (const rows of [9, 16, 17, 20]) {
      const ratio = cost.target.at(rows) / cost.target.at(13)
      expect(ratio / ((10 + 2 * rows) / 36)).toBeGreaterThan(0.9)
      expect(ratio / ((10 + 2 * rows) / 36)).toBeLessThan(1.1)
    }
  })

  it('more rows than were ever seen are not held for dear because their first step was late', () => {
    const cost = calibrated(1)
    for (let i = 0; i < 50; i++) cost.observeStep(step(9), 28)
    cost.observeStep(step(20), 1.5 * 50)
    expect(cost.target.at(20)).toBeLessThan(1.2 * 50)
    for (let i = 0; i < 20; i++) cost.observeStep(step(20), 50)
    expect(cost.target.at(20)).toBeLessThan(1.05 * 50)
  })

  it('the wait of a step for the verdict of the one before is no price of its rows', () => {
    const cost = measured()
    const before = cost.target.at(1)
    for (let i = 0; i < 200; i++)
      cost.observeStep({ ...step(1), isAhead: i % 2 === 0 }, i % 2 === 0 ? 11 : 13)
    expect(cost.waitMs).toBeCloseTo(2, 0)
    expect(cost.target.at(1) / before).toBeCloseTo(11 / before, 1)
  })

  it('a wait is not taken for all that is late of many rows which only ever run alone', () => {
    const cost = new CostModel()
    for (const [rows, ms] of [
      [1, 6],
      [16, 30],
      [32, 50],
      [64, 85],
    ] as const)
      cost.target.measure(rows, ms)
    const [few, many] = [30, 1.4 * 85 + 2]
    for (let i = 0; i < 150; i++) {
      cost.observeStep({ ...step(16), isAhead: true }, few)
      cost.observeStep(step(64), many)
    }
    expect(cost.waitMs).toBeLessThan(6)
    expect(cost.target.at(64) / cost.target.at(16)).toBeGreaterThan(0.9 * (many / few))
  })

  it('what a drafted step took too long falls on its draft passes, where its rows are known well', () => {
    const cost = measured()
    for (let i = 0; i < 200; i++) {
      cost.observeStep(step(3), 13)
      cost.observeStep(step(3, [1, 1]), 13 + 2 * 5)
    }
    expect(cost.of('draft').at(1)).toBeGreaterThan(4)
    expect(cost.target.at(3)).toBeLessThan(15)
  })

  it('with nothing measured the first steps stand for themselves', () => {
    const cost = new CostModel()
    cost.observeStep(step(5, [1, 1]), 30)
    expect(cost.target.measured).toBe(false)
    cost.observeStep(step(1), 10)
    expect(cost.target.at(1)).toBeCloseTo(10)
    cost.observeStep(step(1, [1, 1]), 14)
    expect(cost.of('draft').at(1)).toBeCloseTo(2)
  })
})
