import { describe, expect, it } from 'vitest'
import { areaUnderCurve, cutGoodput, fixedGoodput, logLoss, plannedGoodput, traceOf } from './draft-trace'

const costs = { stepMs: 1, rowMs: 0.1, passMs: 0.2 }
/** Two tokens right, surely; then one that is wrong, and unsure; then nothing known behind it. */
const drafts = Array.from({ length: 4 }, () => ({ depth: 4, accepted: 2, margins: [9, 9, 1, 5] }))
const trace = traceOf(drafts)
const chanceOf = (margin: number): number => (margin > 2 ? 0.99 : 0.1)

describe('recorded drafts, played again', () => {
  it('meet the same tokens wherever they begin', () => {
    expect(trace.map(({ isAccepted }) => isAccepted).slice(0, 6)).toEqual([
      true,
      true,
      false,
      true,
      true,
      false,
    ])
    // Depth 1: the first token is right, the second is the target's own, the third is wrong.
    expect(fixedGoodput([trace.slice(0, 3)], costs, 1)).toBeCloseTo(3 / 2.6)
    expect(fixedGoodput([trace], costs, 2)).toBeCloseTo(3 / 1.6)
    expect(fixedGoodput([trace], costs, 0)).toBeCloseTo(1)
  })

  it('save what they are cut by: rows, passes, or both', () => {
    const cut = { depth: 4, threshold: 0.5, chanceOf }
    expect(cutGoodput([trace], costs, cut, { rows: true, passes: false })).toBeCloseTo(3 / 2)
    expect(cutGoodput([trace], costs, cut, { rows: false, passes: true })).toBeCloseTo(3 / 2)
    expect(cutGoodput([trace], costs, cut, { rows: true, passes: true })).toBeCloseTo(3 / 1.8)
    expect(cutGoodput([trace], costs, { ...cut, threshold: 0 }, { rows: true, passes: true })).toBeCloseTo(
      fixedGoodput([trace], costs, 4),
    )
  })

  it('are planned about as well as by the best depth', () => {
    const traces = [traceOf(Array.from({ length: 60 }, () => drafts[0]!))]
    const best = fixedGoodput(traces, costs, 2)
    for (const tells of [false, true]) {
      const ratio = plannedGoodput(traces, costs, tells) / best
      expect(ratio).toBeGreaterThan(0.8)
      expect(ratio).toBeLessThanOrEqual(1)
    }
  })

  it('tell how sure they were, and what was foretold', () => {
    expect(areaUnderCurve(drafts)).toBe(1)
    expect(areaUnderCurve([{ depth: 2, accepted: 1, margins: [1, 1] }])).toBe(0.5)
    expect(logLoss([drafts], false).perToken).toBeGreaterThan(0)
    expect(logLoss([[...drafts, ...drafts, ...drafts]], true).perToken).toBeLessThan(
      logLoss([drafts], true).perToken,
    )
  })
})
