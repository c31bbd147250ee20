import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestChoices } from './best-choices'
import { CostModel } from './cost-model'
import { everywhere } from './fixed-policy'
import { goodput as goodputOf } from './goodput'
import { GoodputPolicy } from './goodput-policy'
import {
  type Choice,
  type Contender,
  choiceOf,
  MAX_DEPTH,
  METHODS,
  type Method,
  OFF,
  type Offer,
  type Situation,
} from './policy'

/** Expected tokens per step at acceptance `a` and depth `k`: (1 - a^(k+1)) / (1 - a). */
const geometric = (a: number): number[] => Array.from({ length: MAX_DEPTH }, (_, i) => a ** (i + 1))

/** A step costs 1, each further row `v`, each draft pass `c`. */
function costs(v: number, c: number): CostModel {
  const cost = new CostModel()
  for (let rows = 1; rows <= 40; rows++) {
    cost.target.observe(rows, 1 + v * (rows - 1))
    cost.of('draft').observe(rows, c)
  }
  return cost
}

function situation(
  cost: CostModel,
  acceptance: Partial<Record<Method, number>>,
  numSequences = 1,
): Situation {
  const offers = METHODS.filter(method => acceptance[method] !== undefined).map((method): Offer => {
    const gains = geometric(acceptance[method]!)
    return method === 'draft' ? { method, gains, drafting: { lag: 1, horizon: 16 } } : { method, gains }
  })
  return {
    contenders: Array.from({ length: numSequences }, (): Contender => ({ offers })),
    baseTokens: 0,
    baseRows: numSequences,
    prefillRows: 0,
    numDecoding: numSequences,
    numContext: 100 * numSequences,
    freeRows: 1000,
    cost,
  }
}

const chooseSpeculation = (now: Situation): Choice => bestChoices(now)[0]!
const goodput = (now: Situation, choice: Choice): number => goodputOf(now, everywhere(now, choice))

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

describe('the rows up to the edge of a cliff', () => {
  const unsure = [0.1, 0.01]
  const sure = [0.9, 0.81]

  /** Lookups of these survivals, where rows beyond `edge` cost a hundred steps. */
  const before = (edge: number, ...survivals: number[][]): Choice[] => {
    const cost = new CostModel()
    for (let rows = 1; rows <= 8; rows++) cost.target.observe(rows, rows <= edge ? 1 : 100)
    return bestChoices({
      ...situation(cost, {}, survivals.length),
      contenders: survivals.map(gains => ({ offers: [{ method: 'lookup', gains }] })),
    })
  }
  const lookup = (depth: number): Choice => ({ method: 'lookup', depth })

  it('go to the confident request, whichever it is', () => {
    expect(before(3, unsure, sure)).toEqual([OFF, lookup(1)])
    expect(before(3, sure, unsure)).toEqual([lookup(1), OFF])
    expect(before(4, unsure, sure)).toEqual([OFF, lookup(2)])
  })

  it('and what it leaves of them to the other; none lies beyond', () => {
    expect(before(5, unsure, sure)).toEqual([lookup(1), lookup(2)])
    expect(before(2, sure, sure)).toEqual([OFF, OFF])
  })
})

it('spreads the draft model’s catch-up over the steps to come', () => {
  const cost = new CostModel()
  for (let rows = 1; rows <= 300; rows++) {
    cost.target.observe(rows, 10 + 0.1 * rows)
    cost.of('draft').observe(rows, 1 + 0.02 * rows)
  }
  const late = (draftLag: number): Situation => {
    const now = situation(cost, { draft: 0.7 })
    const [offer] = now.contenders[0]!.offers
    return { ...now, contenders: [{ offers: [{ ...offer!, drafting: { lag: draftLag, horizon: 16 } }] }] }
  }
  expect(chooseSpeculation(late(200)).method).toBe('draft')
  expect(goodput(late(200), { method: 'draft', depth: 4 })).toBeLessThan(
    goodput(late(1), { method: 'draft', depth: 4 }),
  )
})

it('finds what comes close to the best of all choices, by enumeration', () => {
  const falling = fc.array(fc.double({ min: 0.02, max: 0.99, noNaN: true }), { minLength: 1, maxLength: 3 })
  const offersOf = (chains: number[][]): Offer[] => {
    const [lookup, waiting, draft, tree] = chains.map(gains => gains.toSorted((a, b) => b - a))
    return [
      { method: 'lookup', gains: lookup! },
      { method: 'lookup', gains: waiting!, chance: 0.6, waitMs: 0.5 },
      { method: 'draft', gains: draft!, drafting: { lag: 1, horizon: 16 } },
      // Siblings of the first level, from one row.
      {
        method: 'draft-tree',
        gains: tree!,
        drafting: { lag: 1, horizon: 16, passes: [0, undefined, undefined] },
      },
    ]
  }
  const steps = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 8, maxLength: 8 })
  const chains = fc.tuple(falling, falling, falling, falling)
  const property = fc.property(
    fc.array(chains, { minLength: 1, maxLength: 2 }),
    steps,
    steps,
    (all, rows, passes) => {
      const cost = new CostModel()
      const sum = (values: readonly number[], count: number) =>
        values.slice(0, count).reduce((total, value) => total + value, 0)
      for (let count = 1; count <= 8; count++) {
        cost.target.measure(count, 2 + sum(rows, count))
        cost.of('draft').measure(count, 0.2 + sum(passes, count) / 4)
      }
      const contenders = all.map(each => ({ offers: offersOf(each) }))
      const now = { ...situation(cost, {}, all.length), contenders, freeRows: 8 - all.length }
      const found = goodputOf(now, bestChoices(now))
      const best = Math.max(...everyChoice(contenders).map(choices => goodputOf(now, choices)))
      expect(found).toBeLessThanOrEqual(best + 1e-9)
      expect(found).toBeGreaterThan(0.8 * best)
    },
  )
  fc.assert(property, { numRuns: 300 })
})

function everyChoice([first, ...rest]: readonly Contender[]): Choice[][] {
  if (!first) return [[]]
  const own = [OFF, ...first.offers.flatMap(offer => offer.gains.map((_, i) => choiceOf(offer, i + 1)))]
  return everyChoice(rest).flatMap(others => own.map(choice => [choice, ...others]))
}

describe('a policy that has nothing to choose', () => {
  const hopeless = situation(costs(1, 1), { lookup: 0.1 }, 16)

  it('rests for a step per four contenders, and is asked at once when their number changes', () => {
    const policy = new GoodputPolicy()
    const isDue = (numContenders: number): boolean => policy.isDue(numContenders)
    expect(isDue(16)).toBe(true)
    expect(policy.choose(hopeless)).toEqual(new Array(16).fill(OFF))
    expect([16, 16, 16, 16, 16].map(isDue)).toEqual([false, false, false, false, true])
    policy.choose(hopeless)
    expect([16, 15].map(isDue)).toEqual([false, true])
  })

  it('never rests where fewer than four run, or while somebody speculates', () => {
    const policy = new GoodputPolicy()
    policy.choose(situation(costs(1, 1), { lookup: 0.1 }, 3))
    expect(policy.isDue(3)).toBe(true)
    policy.choose(situation(costs(0.05, 0), { lookup: 0.9 }, 16))
    expect(policy.isDue(16)).toBe(true)
  })
})

describe('what is tried beside the best choice', () => {
  /** One row of each takes a little more than it brings. */
  const close = situation(costs(0.85, 0.1), { lookup: 0.8, draft: 0.3 }, 16)

  /** What was not off, with the steps in which it was, of so many. */
  function probes(policy: GoodputPolicy, now: Situation, numSteps: number): Array<[number, Choice]> {
    const found: Array<[number, Choice]> = []
    for (let step = 0; step < numSteps; step++) {
      const choices = policy.isDue(16) ? policy.choose(now) : []
      const tried = choices.find(({ depth }) => depth > 0)
      if (tried) found.push([step, tried])
    }
    return found
  }

  it('comes as soon where most steps rest', () => {
    const [first] = probes(new GoodputPolicy(), close, 400)
    expect(first![0]).toBeLessThan(80)
  })

  it('is again and again what might win, and seldom what never could', () => {
    const tried = probes(new GoodputPolicy(), close, 500).map(([, { method, depth }]) => `${method}@${depth}`)
    const count = (name: string): number => tried.filter(each => each === name).length
    expect(count('lookup@1')).toBeGreaterThanOrEqual(4)
    expect(count('lookup@8')).toBe(0)
  })

  it('needs tokens that are out: then it is tried when they are in', () => {
    const inFlight = {
      ...close,
      contenders: close.contenders.map(({ offers }) => ({
        offers: offers.map(offer => (offer.drafting ? offer : { ...offer, chance: 0.9, waitMs: 0.1 })),
      })),
    }
    const policy = new GoodputPolicy()
    const triedRows: number[] = []
    for (let step = 0; step < 500; step++) {
      const choices = policy.isDue(16) ? policy.choose(inFlight) : []
      if (!choices.some(({ waits }) => waits)) continue
      // Whoever waits is asked again.
      expect(policy.isDue(16)).toBe(true)
      triedRows.push(policy.choose(close).reduce((sum, { depth }) => sum + depth, 0))
    }
    expect(triedRows.length).toBeGreaterThan(4)
    expect(Math.min(...triedRows)).toBeGreaterThan(0)
  })
})

describe('guesses that are there only once the step in flight has told its tokens', () => {
  const choose = (chance: number, waitMs: number): Choice => {
    const gains = [0.9, 0.8, 0.7, 0.6]
    const contenders = [{ offers: [{ method: 'lookup', gains, chance, waitMs } as const] }]
    return bestChoices({ ...situation(costs(0.4, 0), {}), contenders })[0]!
  }

  it('are worth a wait that is short for the chance that they come', () => {
    expect(choose(0.5, 0.1)).toEqual({ method: 'lookup', depth: 4, waits: true })
    expect(choose(0.5, 1)).toEqual(OFF)
    expect(choose(0.02, 0.1)).toEqual(OFF)
  })

  it('need no rows where they do not come', () => {
    // Certain rows of these gains, halved, would not pay for themselves.
    const gains = [0.45, 0.4, 0.35, 0.3]
    const certain = {
      ...situation(costs(0.4, 0), {}),
      contenders: [{ offers: [{ method: 'lookup', gains } as const] }],
    }
    expect(bestChoices(certain)[0]!.depth).toBeLessThan(4)
    expect(choose(0.5, 0).depth).toBe(4)
  })
})

it('pays for rows beside a prompt what they cost on top of it', () => {
  // Flat up to 20 rows, then steep.
  const cost = new CostModel()
  for (let rows = 1; rows <= 60; rows++) cost.target.observe(rows, 10 + Math.max(0, rows - 20) * 10)
  const alone = situation(cost, { lookup: 0.8 })
  expect(chooseSpeculation(alone).depth).toBe(MAX_DEPTH)
  expect(chooseSpeculation({ ...alone, prefillRows: 30 }).depth).toBe(0)
  // What the prompt itself takes is not charged: a plain step is as good as without.
  expect(goodput({ ...alone, prefillRows: 30 }, OFF)).toBeCloseTo(goodput(alone, OFF))
})
