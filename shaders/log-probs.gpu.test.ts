import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { expectClose } from './reference/expect-close'
import { LOG_PROB_WORDS, logProbs } from './reference/log-probs'
import { padded, Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { type Sample, writeStep } from './reference/step'

const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, draft: false, row: 0, sequence: 0 }
const samplesOf = (wanted: readonly number[]): Sample[] =>
  wanted.map(logProbs => ({ ...sampling, position: 1, logProbs }))

async function run(
  samples: readonly Sample[],
  logits: Float32Array<ArrayBuffer>,
  sampled: Uint32Array<ArrayBuffer>,
  { vocab, workgroup = 256, section = 0 }: { vocab: number; workgroup?: number; section?: number },
) {
  const results = new Uint32Array(samples.length * LOG_PROB_WORDS).fill(77)
  const shape = new Uint32Array([vocab, logits.length / samples.length, 0, 0])
  await runKernel({
    kernel: kernels.logProbs,
    params: { WORKGROUP: workgroup },
    data: [writeStep([], samples), logits, sampled, results, shape],
    groups: [samples.length],
    stepOffset: section * 256,
  })
  return results
}

const isId = (_: number, at: number) => at % LOG_PROB_WORDS >= 2 && at % 2 === 0
const isValue = (word: number, at: number) => at % LOG_PROB_WORDS !== 1 && !isId(word, at)
const valuesOf = (words: Uint32Array) => new Float32Array(words.slice().buffer).filter(isValue)

describe('log-probs', () => {
  it('agrees with its reference, ties included', async () => {
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        vocab: fc.oneof(fc.constantFrom(21, 255, 256, 257, 3000), fc.integer({ min: 21, max: 3000 })),
        wanted: fc.array(fc.nat(21), { minLength: 1, maxLength: 12 }),
        levels: fc.constantFrom(0, 2, 50), // few levels make many ties
        amplitude: fc.constantFrom(0.1, 8, 60),
        workgroup: fc.constantFrom(4, 32, 256),
        section: fc.nat(3),
      }),
      async ({ seed, vocab, wanted, levels, amplitude, ...launch }) => {
        const random = new Random(seed)
        const stride = padded(vocab)
        const logits = random.matrix(wanted.length, vocab, stride, amplitude)
        for (const [i, value] of logits.entries()) {
          if (levels) logits[i] = Math.round((value * levels) / amplitude)
          if (i % stride >= vocab) logits[i] = 1e6 // what lies beyond the vocabulary must not count
        }
        const sampled = new Uint32Array(wanted.length).map(() => random.integer(0, vocab - 1))
        const samples = samplesOf(wanted)
        const results = await run(samples, logits, sampled, { vocab, ...launch })
        const expected = new Uint32Array(results.length).fill(77)
        logProbs(writeStep([], samples), logits, sampled, expected, { vocab, stride })
        expect(results.filter(isId)).toEqual(expected.filter(isId))
        expectClose(valuesOf(results), valuesOf(expected), { relative: 1e-6, absolute: 1e-5 })
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it('gives probabilities that add up to one', async () => {
    const logits = new Random(5).matrix(1, 20, 64, 5)
    const results = await run(samplesOf([21]), logits, new Uint32Array([3]), { vocab: 20 })
    const values = new Float32Array(results.buffer)
    const all = Array.from({ length: 20 }, (_, i) => values[3 + 2 * i]!)
    expect(all).toEqual([...all].sort((a, b) => b - a))
    expect(all.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5)
    const at = Array.from({ length: 20 }, (_, i) => results[2 + 2 * i]!).indexOf(3)
    expect(values[0]).toBe(all[at])
  })
})
