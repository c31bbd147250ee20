import { describe, expect, it } from 'vitest'
import { DrafterEstimate } from './drafter-estimate'
import { request } from './scheduler-case'
import { Sequence } from './sequence'
import { hashed } from './simulator/random'

const sequence = (): Sequence => new Sequence(request(10), 100)

describe('how far guesses survive', () => {
  it('starts at 0.7, follows what it sees and never increases with position', () => {
    const estimate = new DrafterEstimate()
    expect(estimate.survival()[0]).toBeCloseTo(0.7)
    const one = sequence()
    for (let i = 0; i < 300; i++) estimate.observe(one, { depth: 4, accepted: hashed(1, i) < 0.25 ? 4 : 0 })
    const survival = estimate.survival()
    expect(survival[3]).toBeGreaterThan(0.15) // not 0.25^4: the curve is not geometric
    for (let i = 1; i < survival.length; i++) expect(survival[i]).toBeLessThanOrEqual(survival[i - 1]!)
  })

  it('takes neither a fully accepted draft nor a short one for a failure of what came behind', () => {
    const estimate = new DrafterEstimate()
    for (let i = 0; i < 300; i++) estimate.observe(sequence(), { depth: 1, accepted: 1 })
    expect(estimate.survival()[0]).toBeGreaterThan(0.95)
    expect(estimate.survival()[7]).toBeGreaterThan(0.7)
  })

  it('finds the curve of a block drafter from drafts that were cut at any depth', () => {
    const truth = [0.78, 0.58, 0.43, 0.33, 0.27, 0.22, 0.19]
    const estimate = new DrafterEstimate()
    for (let i = 0; i < 4000; i++) {
      const u = ((i * 7919) % 4000) / 4000
      const accepted = truth.filter(survival => u < survival).length
      const depth = 1 + (i % 7)
      estimate.observe(sequence(), { depth, accepted: Math.min(depth, accepted) })
    }
    estimate
      .survival()
      .slice(0, 7)
      .forEach((survival, i) => {
        expect(Math.abs(survival - truth[i]!)).toBeLessThan(0.12)
      })
  })

  it('a stop inside the draft, and a suffix that was not verified, say nothing', () => {
    const cut = new DrafterEstimate()
    const whole = new DrafterEstimate()
    for (let i = 0; i < 50; i++) {
      cut.observe(sequence(), { depth: 2, accepted: 2 })
      whole.observe(sequence(), { depth: 2, accepted: 2 })
      // Two of seven accepted and then stopped: depth 2 is what was judged. Nothing judged: no observation.
      cut.observe(sequence(), { depth: 0, accepted: 0 })
    }
    expect(cut.survival()).toEqual(whole.survival())
  })
})

describe('of one request', () => {
  const finished = (estimate: DrafterEstimate, accepted: (i: number) => number): void => {
    for (let r = 0; r < 40; r++) {
      const one = sequence()
      for (let i = 0; i < 15; i++) estimate.observe(one, { depth: 4, accepted: accepted(r) })
      estimate.forget(one)
    }
  }

  it('learns within a few drafts where requests differ, and slowly where they are alike', () => {
    const different = new DrafterEstimate()
    finished(different, r => (r % 2 === 0 ? 4 : 0))
    const alike = new DrafterEstimate()
    for (let r = 0; r < 40; r++) {
      const one = sequence()
      for (let i = 0; i < 16; i++) alike.observe(one, { depth: 4, accepted: [0, 1, 2, 4][i % 4]! })
      alike.forget(one)
    }
    const drop = (estimate: DrafterEstimate): number => {
      const one = sequence()
      estimate.observe(one, { depth: 4, accepted: 4 })
      const before = estimate.survival(one)[0]!
      for (let i = 0; i < 3; i++) estimate.observe(one, { depth: 4, accepted: 0 })
      return before - estimate.survival(one)[0]!
    }
    expect(drop(different)).toBeGreaterThan(0.3)
    expect(drop(different)).toBeGreaterThan(1.5 * drop(alike))
  })

  it('goes back to the drafter’s mean while it is not used', () => {
    const estimate = new DrafterEstimate()
    const [bad, good] = [sequence(), sequence()]
    for (let i = 0; i < 20; i++) estimate.observe(bad, { depth: 4, accepted: 0 })
    for (let i = 0; i < 200; i++) estimate.observe(good, { depth: 4, accepted: 4 })
    const before = estimate.survival(bad)[0]!
    expect(before).toBeLessThan(0.3)
    for (let i = 0; i < 2000; i++) estimate.skip(bad)
    bad.tokens.push(...new Array<number>(2000).fill(1))
    expect(estimate.survival(bad)[0]!).toBeGreaterThan(before + 0.3)
  })

  it('is forgotten when it has ended', () => {
    const estimate = new DrafterEstimate()
    finished(estimate, () => 2)
    expect(estimate.numRequests).toBe(0)
  })
})

describe('evidence', () => {
  const [SHORT, LONG] = [1, 4]
  /** Guesses by a long match hold, those by a short one do not; half are of either kind. */
  const taught = (): DrafterEstimate => {
    const estimate = new DrafterEstimate()
    for (let i = 0; i < 200; i++) {
      const one = sequence()
      estimate.observe(one, { depth: 4, accepted: 0, evidence: SHORT })
      estimate.observe(one, { depth: 4, accepted: 4, evidence: LONG })
      estimate.forget(one)
    }
    return estimate
  }

  it('tells guesses apart, whoever they are for', () => {
    const estimate = taught()
    expect(estimate.survival(sequence(), LONG)[3]).toBeGreaterThan(0.8)
    expect(estimate.survival(sequence(), SHORT)[0]).toBeLessThan(0.2)
  })

  it('explains what came of a request’s guesses: one with long matches alone is no better than others', () => {
    const estimate = taught()
    const one = sequence()
    for (let i = 0; i < 10; i++) estimate.observe(one, { depth: 4, accepted: 4, evidence: LONG })
    expect(estimate.survival(one, SHORT)[0]).toBeLessThan(estimate.survival(sequence(), SHORT)[0]! + 0.1)
  })

  it('that was not met before is believed as the drafter is', () => {
    const estimate = taught()
    expect(estimate.survival(sequence(), 3)[0]).toBeCloseTo(estimate.survival(sequence())[0]!, 1)
  })
})

describe('margins', () => {
  /** Sure drafts hold, unsure ones do not. */
  const taught = (): { estimate: DrafterEstimate; one: Sequence } => {
    const estimate = new DrafterEstimate()
    const one = sequence()
    for (let i = 0; i < 800; i++) {
      const sure = (i * 31) % 100 < 50
      estimate.observe(one, { depth: 1, accepted: sure === i % 10 > 0 ? 1 : 0, margins: [sure ? 8 : 0.5] })
    }
    return { estimate, one }
  }

  /** Drafts that are all accepted. */
  const lucky = (
    margins?: number[],
  ): { estimate: DrafterEstimate; one: Sequence; survival: () => number } => {
    const { estimate, one } = taught()
    for (let i = 0; i < 8; i++) estimate.observe(one, { depth: 1, accepted: 1, margins })
    return { estimate, one, survival: () => estimate.survival(one)[0]! }
  }

  it('of earlier drafts tell luck from what was sure to be accepted', () => {
    expect(lucky([8]).survival() - lucky([0.5]).survival()).toBeGreaterThan(0.1)
    expect(Math.abs(lucky([8]).survival() - lucky().survival())).toBeLessThan(0.05)
  })

  it('that are none, or no numbers, change nothing', () => {
    for (const none of [[], [Number.NaN], [-1]]) expect(lucky(none).survival()).toBe(lucky().survival())
  })

  it('are forgotten as what came of the drafts is', () => {
    const aged = (margins?: number[]): number => {
      const { estimate, one, survival } = lucky(margins)
      for (let i = 0; i < 3000; i++) estimate.skip(one)
      one.tokens.push(...new Array<number>(40).fill(1))
      return survival()
    }
    expect(Math.abs(aged([0.5]) - aged())).toBeLessThan(0.005)
  })
})
