import { describe, expect, it } from 'vitest'
import { Acceptance } from './acceptance'
import { type Contender, chooseSpeculation, goodput, MAX_DEPTH, OFF, type Situation } from './controller'
import { CostModel } from './cost-model'

/** Expected tokens per step at acceptance `a` and depth `k`: (1 - a^(k+1)) / (1 - a). */
const geometric = (a: number): number[] => Array.from({ length: MAX_DEPTH }, (_, i) => a ** (i + 1))

/** A step costs 1, each further row `v`, each draft pass `c`. */
function costs(v: number, c: number): CostModel {
  const cost = new CostModel()
  for (let rows = 1; rows <= 40; rows++) {
    cost.target.observe(rows, 1 + v * (rows - 1))
    cost.draft.observe(rows, c)
  }
  return cost
}

function situation(
  cost: CostModel,
  acceptance: { draft?: number; lookup?: number },
  numSequences = 1,
): Situation {
  const contender: Contender = {
    available: {
      draft: acceptance.draft === undefined ? 0 : MAX_DEPTH,
      lookup: acceptance.lookup === undefined ? 0 : MAX_DEPTH,
    },
    draftLag: 1,
    horizon: 16,
  }
  return {
    contenders: Array.from({ length: numSequences }, () => contender),
    baseTokens: 0,
    baseRows: numSequences,
    freeRows: 1000,
    cost,
    survival: { draft: geometric(acceptance.draft ?? 0), lookup: geometric(acceptance.lookup ?? 0) },
  }
}

describe('the choice is the break-even table of speculation.md section 2', () => {
  // [v, c, acceptance, best depth, speed-up]
  it.each([
    [0.02, 0, 0.5, 4, 1.79],
    [0.05, 0, 0.7, 6, 2.35],
    [0.1, 0, 0.8, 6, 2.47],
    [0.25, 0, 0.9, 6, 2.09],
    [0.5, 0, 0.6, 1, 1.07],
  ])('lookup: v %f, c %f, a %f', (v, c, a, depth, speedUp) => {
    const now = situation(costs(v, c), { lookup: a })
    const choice = chooseSpeculation(now)
    expect(choice).toEqual({ method: 'lookup', depth })
    expect(goodput(now, choice) / goodput(now, OFF)).toBeCloseTo(speedUp, 1)
  })

  it.each([
    [0.02, 0.1, 0.7, 4, 1.87],
    [0.1, 0.25, 0.8, 3, 1.44],
    [0.25, 0.1, 0.9, 4, 1.71],
  ])('draft: v %f, c %f, a %f', (v, c, a, depth, speedUp) => {
    const now = situation(costs(v, c), { draft: a })
    const choice = chooseSpeculation(now)
    expect(choice).toEqual({ method: 'draft', depth })
    expect(goodput(now, choice) / goodput(now, OFF)).toBeCloseTo(speedUp, 1)
  })

  it('is off where nothing can win', () => {
    expect(chooseSpeculation(situation(costs(0.5, 0), { lookup: 0.5 }))).toEqual(OFF)
    expect(chooseSpeculation(situation(costs(0.8, 0.1), { draft: 0.9 }))).toEqual(OFF)
    expect(chooseSpeculation(situation(costs(0.01, 0), {}))).toEqual(OFF)
  })
})

it('prefers the better of two drafters', () => {
  expect(chooseSpeculation(situation(costs(0.05, 0.3), { draft: 0.8, lookup: 0.75 })).method).toBe('lookup')
  expect(chooseSpeculation(situation(costs(0.05, 0.05), { draft: 0.9, lookup: 0.3 })).method).toBe('draft')
})

it('drafts less the more sequences share the step (Su et al., 2310.18813)', () => {
  // Free rows while memory-bound, then each costs.
  const cost = new CostModel()
  for (let rows = 1; rows <= 600; rows++) cost.target.observe(rows, Math.max(1, rows / 16))
  const depths = [1, 2, 4, 8, 16, 32].map(n => chooseSpeculation(situation(cost, { lookup: 0.7 }, n)).depth)
  expect(depths).toEqual([...depths].sort((a, b) => b - a))
  expect(depths[0]).toBeGreaterThan(4)
  expect(depths.at(-1)).toBe(0)
})

it('weighs the time that one sequence’s draft takes from all others', () => {
  const cost = costs(0.05, 0)
  const alone = { ...situation(cost, { lookup: 0.9 }) }
  const crowded = { ...alone, baseTokens: 31, baseRows: 32 }
  expect(chooseSpeculation(alone).depth).toBeGreaterThan(4)
  expect(chooseSpeculation(crowded).depth).toBeLessThan(chooseSpeculation(alone).depth)
})

it('finds the optimum of a cost with cliffs, behind a valley of goodput', () => {
  const cost = new CostModel()
  const table = [1, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9, 6]
  table.forEach((ms, i) => void cost.target.observe(i + 1, ms))
  const now = situation(cost, { lookup: 0.85 })
  expect(goodput(now, { method: 'lookup', depth: 1 })).toBeLessThan(goodput(now, OFF))
  expect(chooseSpeculation(now).depth).toBe(7)
})

it('spreads the draft model’s catch-up over the steps to come', () => {
  const cost = new CostModel()
  for (let rows = 1; rows <= 300; rows++) {
    cost.target.observe(rows, 10 + 0.1 * rows)
    cost.draft.observe(rows, 1 + 0.02 * rows)
  }
  const late = (draftLag: number): Situation => {
    const now = situation(cost, { draft: 0.7 })
    return { ...now, contenders: now.contenders.map(c => ({ ...c, draftLag })) }
  }
  expect(chooseSpeculation(late(200)).method).toBe('draft')
  expect(goodput(late(200), { method: 'draft', depth: 4 })).toBeLessThan(
    goodput(late(1), { method: 'draft', depth: 4 }),
  )
})

describe('acceptance', () => {
  it('starts at 0.7, follows what it sees and never increases with position', () => {
    const acceptance = new Acceptance(MAX_DEPTH)
    expect(acceptance.survival()[0]).toBeCloseTo(0.7)
    for (let i = 0; i < 300; i++) acceptance.observe(4, i % 4 === 0 ? 4 : 0)
    const survival = acceptance.survival()
    expect(survival[0]).toBeLessThan(0.35)
    expect(survival[3]).toBeGreaterThan(0.15) // not 0.25^4: the curve is not geometric
    for (let i = 1; i < survival.length; i++) expect(survival[i]).toBeLessThanOrEqual(survival[i - 1]!)
  })

  it('recovers when a drafter that was given up is good again', () => {
    const acceptance = new Acceptance(MAX_DEPTH)
    for (let i = 0; i < 200; i++) acceptance.observe(4, 0)
    expect(acceptance.survival()[0]).toBeLessThan(0.1)
    for (let i = 0; i < 2000; i++) acceptance.skip()
    expect(acceptance.survival()[0]).toBeGreaterThan(0.5)
  })

  it('does not take a censored draft for a failure', () => {
    const acceptance = new Acceptance(MAX_DEPTH)
    for (let i = 0; i < 300; i++) acceptance.observe(1, 1)
    expect(acceptance.survival()[0]).toBeGreaterThan(0.95)
  })
})

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
