import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { FORBIDDEN, maskLogits } from './reference/mask-logits'
import { padded, Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { BIASED, CONSTRAINED, type Sample, writeStep } from './reference/step'

const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, draft: false, row: 0, position: 9 }
const maskWords = 64

describe('mask-logits', () => {
  it('leaves allowed tokens and unconstrained samples as they are, to the bit', async () => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.oneof(fc.constantFrom(1, 31, 32, 33, 2000), fc.integer({ min: 1, max: 2000 })),
      fc.array(fc.constantFrom(0, BIASED, CONSTRAINED, CONSTRAINED | BIASED), { minLength: 1, maxLength: 6 }),
      async (seed, vocab, flags) => {
        const random = new Random(seed)
        const stride = padded(vocab)
        const logits = random.matrix(flags.length, vocab, stride, 8)
        const masks = new Uint32Array(flags.length * maskWords).map(() => random.integer(0, 0xffffffff))
        const samples = flags.map((each, sequence): Sample => ({ ...sampling, sequence, flags: each }))
        const step = writeStep([], samples)
        const expected = logits.slice()
        maskLogits(step, masks, expected, { vocab, stride, maskWords })
        await runKernel({
          kernel: kernels.maskLogits,
          params: { MASK_WORDS: maskWords, WORKGROUP: 32 },
          data: [step, masks, logits, new Uint32Array([vocab, stride, 0, 0])],
          groups: [samples.length],
          stepOffset: 256,
        })
        expect(logits).toEqual(expected)
        if (flags.every(each => each & CONSTRAINED) && vocab > 200) expect(logits).toContain(FORBIDDEN)
      },
    )
    await fc.assert(property, { numRuns: 30 })
  })
})
