import { describe, expect, it } from 'vitest'
import { CostModel } from './cost-model'

describe('cost', () => {
  it('keeps the minimum of the first samples, shrugs off noise x8 and follows a real change', () => {
    const { target } = new CostModel()
    for (const ms of [9, 5, 7, 40, 6, 8]) target.observe(1, ms)
    expect(target.at(1)).toBe(5)
    for (let i = 0; i < 50; i++) target.observe(1, i % 3 === 0 ? 80 : 10)
    expect(target.at(1)).toBeLessThan(12)
    for (let i = 0; i < 200; i++) target.observe(1, 30)
    expect(target.at(1)).toBeGreaterThan(25)
  })

  it('interpolates between measured rows and never falls', () => {
    const { target } = new CostModel()
    target.observe(1, 10)
    target.observe(9, 26)
    target.observe(5, 9)
    expect(target.at(3)).toBe(10)
    expect(target.at(7)).toBe(18)
    expect(target.at(17)).toBe(42)
    expect(target.table()).toEqual([
      { rows: 1, ms: 10 },
      { rows: 5, ms: 10 },
      { rows: 9, ms: 26 },
    ])
  })

  it('ignores what is not a time', () => {
    const { target } = new CostModel()
    for (const ms of [Number.NaN, -1, 0, Number.POSITIVE_INFINITY]) target.observe(1, ms)
    expect(target.measured).toBe(false)
  })
})
