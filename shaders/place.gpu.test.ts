import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { place } from './reference/place'
import { Random } from './reference/random'
import { runKernel } from './reference/run-kernel'

const blocksPerSequence = 4
const block = 64
const numSequences = 5

describe('place', () => {
  it('agrees with its reference', async () => {
    const property = fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 150 }), async (seed, numPlaces) => {
      const random = new Random(seed)
      const lengths = new Uint32Array(numSequences).map(() => random.integer(3, 200))
      const blocks = new Uint32Array(numSequences * blocksPerSequence).map(() => random.integer(0, 99))
      const step = new Uint32Array(1000).map(() => random.word())
      const places = new Uint32Array(1 + numPlaces * 3)
      places[0] = numPlaces
      for (const [i, at] of random.shuffled(190).slice(0, numPlaces).entries()) {
        places.set([at * 5, random.integer(0, numSequences - 1), random.integer(0, 1)], 1 + i * 3)
        // Its position, a slot, the place of its token, what it sees.
        for (const word of [0, 2, 3]) step[at * 5 + word] = random.integer(-3, 20)
      }
      const expected = step.slice()
      place(expected, lengths, blocks, places, { blocksPerSequence, block })
      await runKernel({
        kernel: kernels.place,
        params: { BLOCKS_PER_SEQUENCE: blocksPerSequence, BLOCK: block },
        data: [step, lengths, blocks, places],
        groups: [Math.ceil((numPlaces + 1) / 64)],
      })
      expect(step).toEqual(expected)
    })
    await fc.assert(property, { numRuns: 20 })
  })
})
