/** Sampling is a draw from the target's distribution, whatever drafts and judges; and the test would see if it were not.
 * With 20,000 samples each: npm run bench -- distribution. */
import { expect, it } from 'vitest'
import { measure, measureAcceptance, modes } from './bench/distribution.bench'
import { smallKernels } from './small-kernels'

it.each(['off', 'draft@2, rejection', 'draft@2, block, top-k 6, T = 0.7', 'lookup@2, block'])(
  'draws from the target’s distribution: %s',
  { timeout: 300_000 },
  async mode => {
    expect((await measure(1_200, modes[mode]!, smallKernels)).p).toBeGreaterThan(0.001)
  },
)

it.each(['draft@2, biased acceptance', 'draft@2, block, cut for its token'])(
  'fails the same test where it is biased: %s',
  { timeout: 300_000 },
  async mode => {
    expect((await measure(1_200, modes[mode]!, smallKernels)).p).toBeLessThan(0.001)
  },
)

it('keeps a draft of one token with the common mass of the two distributions', {
  timeout: 300_000,
}, async () => {
  const { share, commonMass } = await measureAcceptance(1_200, 'rejection')
  expect(Math.abs(share - commonMass)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / 1_200))
})
