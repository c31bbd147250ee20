import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import {
  ADJUSTMENT_WORDS,
  adjustLogits,
  adjustmentWords,
  IN_PROMPT,
  type Penalties,
} from './reference/adjust-logits'
import { expectClose } from './reference/expect-close'
import { padded, Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { BIASED, PENALISED, plainRow, type Row, type Sample, writeStep } from './reference/step'

const context = 64
const numSequences = 3
const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, draft: false, row: 0 }

interface Request {
  penalties: Penalties
  numBiases: number
  flags: number
  /** Drafted tokens before the last of its samples. */
  depth: number
}

/** Samples of every request at every number of drafted tokens, as a verified draft has them. */
function randomCase(seed: number, vocab: number, requests: readonly Request[]) {
  const random = new Random(seed)
  const stride = padded(vocab)
  const countStride = vocab + random.integer(0, 5)
  // Few different tokens, so that drafts repeat themselves and what is committed.
  const history = new Uint32Array(numSequences * context).map(() => random.integer(0, Math.min(vocab, 9) - 1))
  const adjustments = new Uint32Array(numSequences * ADJUSTMENT_WORDS).fill(0xffffffff)
  const samples: Sample[] = []
  const rows: Row[] = []
  for (const [sequence, { penalties, numBiases, flags, depth }] of requests.entries()) {
    const biased = random.shuffled(vocab).slice(0, numBiases)
    const words = adjustmentWords(
      penalties,
      biased.map(token => [token, random.float() * 100]),
    )
    adjustments.set(words, sequence * ADJUSTMENT_WORDS)
    const length = random.integer(1, context - 16)
    for (let i = 0; i <= depth; i++) {
      // A tree's row has i ancestors among 16 nodes, itself one of them.
      const nodes = random.shuffled(16).slice(0, i)
      const mask = sequence % 2 === 1 ? nodes.reduce((bits, node) => bits | (2 << node), 1) : 0
      const position = length + i
      samples.push({ ...sampling, sequence, position, length, flags, row: rows.length })
      const row = plainRow(sequence, position - 1)
      rows.push(mask ? { ...row, tree: { base: length - 1, mask } } : row)
    }
  }
  const count = () => [0, 0, 0, 1, 5, IN_PROMPT, IN_PROMPT + 2][random.integer(0, 6)]!
  const counts = new Uint32Array(numSequences * countStride).map(count)
  const logits = random.matrix(samples.length, vocab, stride, 8)
  return {
    rows,
    samples,
    history,
    counts,
    adjustments,
    logits,
    sizes: { vocab, stride, context, countStride },
  }
}

const penalties = fc.record({
  repetition: fc.constantFrom(1, 1.3, 0.7, 5).map(Math.fround),
  presence: fc.constantFrom(0, 0.5, -2, 2),
  frequency: fc.constantFrom(0, 0.25, -1.1, 2).map(Math.fround),
})
const requests = fc.array(
  fc.record({
    penalties,
    numBiases: fc.constantFrom(0, 1, 7, 300),
    flags: fc.constantFrom(0, BIASED, PENALISED, BIASED | PENALISED),
    depth: fc.nat(16),
  }),
  { minLength: 1, maxLength: numSequences },
)

describe('adjust-logits', () => {
  it('agrees with its reference under every mix of requests', async () => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.oneof(fc.constantFrom(1, 255, 256, 257, 2000), fc.integer({ min: 1, max: 2000 })),
      requests,
      fc.constantFrom(4, 32, 256),
      fc.nat(3),
      async (seed, vocab, mix, workgroup, section) => {
        const { rows, samples, history, counts, adjustments, logits, sizes } = randomCase(seed, vocab, mix)
        const step = writeStep(rows, samples)
        const expected = logits.slice()
        adjustLogits(step, history, counts, adjustments, expected, sizes)
        await runKernel({
          kernel: kernels.adjustLogits,
          params: { CONTEXT: context, VOCAB: sizes.countStride, WORKGROUP: workgroup },
          data: [step, history, counts, adjustments, logits, new Uint32Array([vocab, sizes.stride, 0, 0])],
          groups: [samples.length],
          stepOffset: section * 256,
        })
        expectClose(logits, expected, { relative: 1e-6, absolute: 1e-6 })
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it('counts a drafted token as a committed one, bit for bit', async () => {
    const penalties = { repetition: 1.25, presence: 0.5, frequency: 0.75 }
    const adjust = async (position: number, counts: Uint32Array<ArrayBuffer>) => {
      const sample = { ...sampling, sequence: 0, position, length: 10, flags: PENALISED }
      const logits = new Random(3).matrix(1, 64, 64, 9)
      const history = new Uint32Array(context).fill(7, 0, 10)
      history.set([5, 5, 9], 10) // the last one stands at the sample's own position: it does not count
      const adjustments = new Uint32Array(ADJUSTMENT_WORDS)
      adjustments.set(adjustmentWords(penalties, []))
      await runKernel({
        kernel: kernels.adjustLogits,
        params: { CONTEXT: context, VOCAB: 64 },
        data: [
          writeStep([plainRow(0, position - 1)], [sample]),
          history,
          counts,
          adjustments,
          logits,
          new Uint32Array([64, 64, 0, 0]),
        ],
        groups: [1],
      })
      return logits
    }
    const before = new Uint32Array(64)
    before[5] = IN_PROMPT
    before[7] = 10
    const after = before.slice()
    after[5]! += 2
    expect(await adjust(12, before)).toEqual(await adjust(10, after))
    expect(await adjust(12, before)).not.toEqual(await adjust(10, before))
  })
})
