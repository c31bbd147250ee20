import { describe, expect, it } from 'vitest'
import { Acceptance } from './acceptance'
import { MAX_DEPTH } from './policy'

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
