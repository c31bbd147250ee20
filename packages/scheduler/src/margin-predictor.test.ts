import { describe, expect, it } from 'vitest'
import { MarginPredictor } from './margin-predictor'
import { Random } from './simulator/random'

/** Drafts of two tokens, of which `shownDepth` are judged, whose acceptance is sigmoid(slope * margin + intercept). */
function teach(
  predictor: MarginPredictor,
  { count = 1000, slope = 0.8, intercept = -2, shownDepth = 2 },
): void {
  const random = new Random(1)
  for (let i = 0; i < count; i++) {
    const margins = Array.from({ length: 2 }, () => 6 * random.uniform())
    let accepted = 0
    while (
      accepted < shownDepth &&
      random.uniform() < 1 / (1 + Math.exp(-slope * margins[accepted]! - intercept))
    )
      accepted++
    predictor.observe(margins, shownDepth, accepted)
  }
}

describe('chance of acceptance from the margin', () => {
  it.each([1, 2])('finds slope and intercept from drafts of which %i are judged', shownDepth => {
    const predictor = new MarginPredictor()
    teach(predictor, { count: 4000, shownDepth })
    expect(Math.abs(predictor.predict(0.5)! - 1 / (1 + Math.exp(1.6)))).toBeLessThan(0.12)
    expect(Math.abs(predictor.predict(5)! - 1 / (1 + Math.exp(-2)))).toBeLessThan(0.12)
  })

  it('says nothing before two refits, from fewer than 50 observations, or of margins that are none', () => {
    const predictor = new MarginPredictor()
    teach(predictor, { count: 99 })
    expect(predictor.predict(3)).toBeUndefined()
    teach(predictor, { count: 1 })
    expect(predictor.predict(3)).toBeDefined()
    for (const none of [Number.NaN, undefined, -1]) expect(predictor.predict(none)).toBeUndefined()
    const starved = new MarginPredictor()
    for (let i = 0; i < 1000; i++) starved.observe([i % 30 === 0 ? 1 : Number.NaN], 1, 1)
    expect(starved.predict(3)).toBeUndefined()
  })

  it('never lets more confidence mean less acceptance', () => {
    const predictor = new MarginPredictor()
    teach(predictor, { slope: -1, intercept: 2 })
    expect(predictor.predict(3)).toBeUndefined()
  })

  it('caps margins at 40 and skips those that are no numbers', () => {
    const predictor = new MarginPredictor()
    teach(predictor, {})
    const before = [1, 5].map(margin => predictor.predict(margin))
    for (let i = 0; i < 500; i++) predictor.observe([Number.NaN, Number.NaN], 2, 0)
    expect([1, 5].map(margin => predictor.predict(margin))).toEqual(before)
    expect(predictor.predict(Number.POSITIVE_INFINITY)).toBe(predictor.predict(40))
    expect(predictor.predict(5)).toBeGreaterThan(predictor.predict(1)!)
  })
})
