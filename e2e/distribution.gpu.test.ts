/** Sampling is a draw from the target's distribution, whatever drafts; and the test would see if it were not. With 20,000
 * samples each: npm run bench -- distribution. */
import { expect, it } from 'vitest'
import { biasedAccept, measure } from './bench/distribution.bench'

it('draws from the target’s distribution with a draft as without', async () => {
  expect((await measure(4_000, 'off', {})).p).toBeGreaterThan(0.001)
  expect((await measure(8_000, { method: 'draft', depth: 2 }, {})).p).toBeGreaterThan(0.001)
}, 300_000)

it('fails the same test when acceptance is biased towards the draft', async () => {
  expect((await measure(4_000, { method: 'draft', depth: 2 }, biasedAccept)).p).toBeLessThan(0.001)
}, 300_000)
