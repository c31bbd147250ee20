import { describe, expect, it } from 'vitest'
import { CostModel } from './cost-model'
import { createPolicy, POLICY_NAMES, type PolicyName } from './policies'
import { type Contender, MAX_DEPTH, OFF, type Situation } from './policy'
import { Scheduler } from './scheduler'
import { config, execute, request } from './scheduler-case'

const geometric = (a: number): number[] => Array.from({ length: MAX_DEPTH }, (_, i) => a ** (i + 1))

const models = new Map<number, CostModel>()

function costOf(msPerRow: number): CostModel {
  let cost = models.get(msPerRow)
  if (!cost) {
    cost = new CostModel()
    for (let rows = 1; rows <= 600; rows++) cost.target.observe(rows, 1 + msPerRow * (rows - 1))
    models.set(msPerRow, cost)
  }
  return cost
}

function situation(numSequences: number, gains: readonly number[], msPerRow = 0.05): Situation {
  return {
    contenders: Array.from(
      { length: numSequences },
      (): Contender => ({ offers: [{ method: 'lookup', gains }] }),
    ),
    baseTokens: 0,
    baseRows: numSequences,
    prefillRows: 0,
    numDecoding: numSequences,
    numContext: 0,
    freeRows: 20,
    cost: costOf(msPerRow),
  }
}

it.each(POLICY_NAMES)(
  '%s: one choice for each, no deeper than offered, no more rows than there are',
  name => {
    const policy = createPolicy(name)
    for (const numSequences of [0, 1, 7, 30]) {
      for (const gains of [[], [0.9, 0.8], geometric(0.9)]) {
        const choices = policy.choose(situation(numSequences, gains))
        expect(choices).toHaveLength(numSequences)
        for (const { depth } of choices) expect(depth).toBeLessThanOrEqual(gains.length)
        expect(choices.reduce((sum, { depth }) => sum + depth, 0)).toBeLessThanOrEqual(20)
      }
    }
  },
)

describe('smartspec', () => {
  it('demands a tenth more than off, holds its choice for 20 steps, and tries again every 200', () => {
    const policy = createPolicy('smartspec')
    // Acceptance starts at 0.7: depth 1 gives 1.7 tokens.
    expect(policy.choose(situation(1, geometric(0.7), 0.6))).toEqual([OFF]) // 1.7 / 1.6 < 1.1
    for (let step = 1; step < 20; step++)
      expect(policy.choose(situation(1, geometric(0.7), 0.01))).toEqual([OFF])
    expect(policy.choose(situation(1, geometric(0.7), 0.01))[0]!.depth).toBeGreaterThan(8)
    const hopeless = createPolicy('smartspec')
    const depths = Array.from(
      { length: 400 },
      () => hopeless.choose(situation(1, geometric(0.7), 0.9))[0]!.depth,
    )
    expect(depths.filter(depth => depth > 0)).toEqual([MAX_DEPTH])
  })

  it('follows what it observes', () => {
    const policy = createPolicy('smartspec')
    const depth = (): number => {
      let last = 0
      for (let step = 0; step < 20; step++) {
        const [choice] = policy.choose(situation(1, geometric(0.7)))
        last = choice!.depth
        policy.observe?.({ method: 'lookup', depth: 4 }, 0)
      }
      return last
    }
    const before = depth()
    for (let i = 0; i < 5; i++) depth()
    expect(depth()).toBeLessThan(before)
  })
})

describe('requests that name their policy', () => {
  it('are decided by it, each group facing what the others do', () => {
    const scheduler = new Scheduler(config)
    scheduler.cost.target.observe(1, 10)
    scheduler.cost.target.observe(32, 11)
    const names: PolicyName[] = ['off', 'fixed', 'goodput']
    const sequences = names.map(policy => scheduler.add(request(20, { speculation: 'auto', policy }))!)
    scheduler.admit()
    for (let i = 0; i < 2; i++) {
      const step = scheduler.plan()!
      const depths = sequences.map(sequence => step.choices.get(sequence)?.depth ?? 0)
      if (i === 1) expect(depths.map(depth => Math.sign(depth))).toEqual([0, 1, 1])
      scheduler.commit(
        step,
        execute(step, () => 2),
        10,
      )
    }
    for (const sequence of sequences) scheduler.remove(sequence)
    expect(scheduler.estimates.numRequests).toBe(0)
  })
})

it('a lookup that is off is judged by the tokens that come', () => {
  const scheduler = new Scheduler({ ...config, numDrafts: 0, guess: () => ({ tokens: [5, 5, 5, 5] }) })
  scheduler.cost.target.observe(1, 10)
  scheduler.add(request(10, { speculation: 'auto', policy: 'off', maxTokens: 100 }))
  scheduler.admit()
  const before = scheduler.estimates.survival('lookup')[0]!
  for (let i = 0; i < 60; i++) {
    const step = scheduler.plan()!
    scheduler.commit(
      step,
      execute(step, () => 0, 5),
      10,
    )
  }
  expect(scheduler.estimates.survival('lookup')[0]).toBeGreaterThan(before + 0.15)
})
