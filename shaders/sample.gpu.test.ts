import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { expectClose } from './reference/expect-close'
import { FORBIDDEN } from './reference/mask-logits'
import { padded, Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { draw, drawBest, type Filters, marginOf, SUPPORT_WORDS, sample, scores } from './reference/sample'
import { BLOCK, MARGINS_AT, REJECTION, RESULT_WORDS, type Sample, writeStep } from './reference/step'
import { bitcastF32 } from './reference/wgsl-builtins'

const context = 64
const plain: Filters = { temperature: 1, topK: 0, topP: 1, minP: 0 }

const sampleOf = (filters: Filters, fields: Partial<Sample> = {}): Sample => ({
  row: 0,
  sequence: 0,
  position: 0,
  seed: 1,
  draft: false,
  ...filters,
  ...fields,
})

const verificationDepth = 4
/** Of the test that looks at what is left for verify.wgsl: a parameter for each size would be a kernel for each. */
const verifiedVocab = 300

/** What the kernel draws, one token per sample, and what it leaves for verify.wgsl. */
async function run(
  samples: readonly Sample[],
  logits: Float32Array<ArrayBuffer>,
  vocab: number,
  { section = 0, drafts = false } = {},
) {
  const sampled = new Uint32Array(samples.length)
  const history = new Uint32Array(3 * context).fill(9999)
  const draftProbs = new Float32Array(3 * verificationDepth * verifiedVocab).fill(7)
  const supports = new Uint32Array(samples.length * SUPPORT_WORDS).fill(7)
  const verdicts = new Uint32Array(3 * RESULT_WORDS).fill(7)
  await runKernel({
    kernel: kernels.sample,
    params: {
      CONTEXT: context,
      VOCAB: verifiedVocab,
      VERIFICATION_DEPTH: verificationDepth,
      MARGINS: drafts,
    },
    data: [
      writeStep([], samples),
      logits,
      sampled,
      history,
      draftProbs,
      supports,
      verdicts,
      new Uint32Array([vocab, logits.length / samples.length, 0, 0]),
    ],
    groups: [samples.length],
    stepOffset: section * 256,
  })
  return { sampled, history, draftProbs, supports, verdicts }
}

/** Whether the token is the reference's, or within rounding of it: of the best score, or of a filter's edge. */
function isRight(token: number, logits: Float32Array, { position, seed, ...filters }: Sample): boolean {
  if (token === draw(logits, position, seed, filters)) return true
  if (filters.temperature === 0) return false
  const { topP, minP } = filters
  return [1 - 1e-5, 1, 1 + 1e-5].some(nudge => {
    const nudged = { ...filters, topP: topP < 1 ? Math.min(topP * nudge, 1) : 1, minP: minP * nudge }
    const all = scores(logits, position, seed, nudged)
    return all[token]! >= all.reduce((a, b) => Math.max(a, b)) - 1e-4
  })
}

const filters = fc.record({
  temperature: fc.constantFrom(0, 0.01, 0.5, 0.8, 1, 3),
  topK: fc.constantFrom(0, 0, 1, 2, 7, 40, 5000),
  topP: fc.constantFrom(1, 1, 0, 0.1, 0.5, 0.9, 0.999).map(Math.fround),
  minP: fc.constantFrom(0, 0, 0.01, 0.1, 0.7, 1).map(Math.fround),
})

describe('sample', () => {
  it('draws what its reference draws, ties included, under every mix of filters', async () => {
    const property = fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        vocab: fc.oneof(fc.constantFrom(1, 2, 255, 256, 257, 3000), fc.integer({ min: 1, max: 3000 })),
        perSample: fc.array(filters, { minLength: 1, maxLength: 20 }),
        levels: fc.constantFrom(0, 2, 5, 50), // few levels make many ties
        section: fc.nat(3),
        isMasked: fc.boolean(),
      }),
      async ({ seed, vocab, perSample, levels, section, isMasked }) => {
        const random = new Random(seed)
        const stride = padded(vocab)
        const logits = random.matrix(perSample.length, vocab, stride, 8)
        for (const [i, value] of logits.entries()) {
          if (levels) logits[i] = Math.round((value * levels) / 16)
          if (isMasked && i % stride > 0 && random.integer(0, 3) > 0) logits[i] = FORBIDDEN
          if (i % stride >= vocab) logits[i] = 1e6 // what lies beyond the vocabulary must not count
        }
        const samples = perSample.map(mix =>
          sampleOf(mix, { position: random.integer(0, 4000), seed: random.word() }),
        )
        const { sampled } = await run(samples, logits, vocab, { section })
        for (const [i, sample] of samples.entries()) {
          const row = logits.subarray(i * stride, i * stride + vocab)
          expect(isRight(sampled[i]!, row, sample), JSON.stringify({ vocab, sample })).toBe(true)
          expect(row[sampled[i]!]).not.toBe(FORBIDDEN)
        }
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it('takes the lowest id of equal maxima at T = 0', async () => {
    const logits = new Float32Array(4 * 640).fill(-5)
    const maxima = [[3, 300, 639], [599, 600], [256, 0], []]
    for (const [row, tokens] of maxima.entries()) {
      for (const token of tokens) logits[row * 640 + token] = row === 2 ? -1 : 2.5
    }
    const samples = maxima.map(() => sampleOf({ ...plain, temperature: 0 }))
    expect([...(await run(samples, logits, 640)).sampled]).toEqual([3, 599, 0, 0])
  })

  it('keeps the top at min-p = 1, whatever its sign of zero', async () => {
    const logits = new Float32Array(64).fill(-5)
    logits[3] = -0
    const { sampled } = await run([sampleOf({ ...plain, minP: 1 })], logits, 64)
    expect([...sampled]).toEqual([3])
  })

  it('equals its reference on 1000 random rows', async () => {
    const random = new Random(11)
    const [vocab, count] = [512, 1000]
    const logits = random.matrix(count, vocab, vocab, 3)
    const samples = Array.from({ length: count }, (_, i) => sampleOf(plain, { position: i, seed: 42 }))
    const { sampled } = await run(samples, logits, vocab)
    const rowOf = (i: number) => logits.subarray(i * vocab, (i + 1) * vocab)
    const same = samples.filter((sample, i) => sampled[i] === draw(rowOf(i), sample.position, 42, plain))
    expect(samples.every((sample, i) => isRight(sampled[i]!, rowOf(i), sample))).toBe(true)
    expect(same.length).toBeGreaterThanOrEqual(count - 1)
  })

  it('leaves a draft token in the history, and no other', async () => {
    const logits = new Float32Array(64)
    logits[17] = 50
    const places: [number, number, boolean][] = [
      [1, 5, true],
      [2, 0, false],
      [0, context, true], // a full context has no place left
    ]
    const samples = places.map(([sequence, position, draft]) =>
      sampleOf(plain, { sequence, position, draft }),
    )
    const { sampled, history } = await run(samples, new Float32Array([...logits, ...logits, ...logits]), 64)
    expect([...sampled]).toEqual([17, 17, 17])
    expect(history[context + 5]).toBe(17)
    expect(history.filter(token => token !== 9999)).toHaveLength(1)
  })

  it('draws the drafts of rejection and block by a stream of their own, and leaves what they are judged by', async () => {
    // The draft's own: it lacks the target's last tokens.
    const vocab = verifiedVocab - 20
    const random = new Random(3)
    const stride = padded(vocab)
    const filters = { ...plain, temperature: 0.8, topK: 40 }
    const samples = [0, 1, 2].flatMap(sequence =>
      [0, 1, 2, 3].map(i =>
        sampleOf(filters, {
          sequence,
          position: 20 + i,
          length: 20,
          draft: sequence > 0,
          flags: sequence === 2 ? REJECTION : BLOCK,
          seed: random.word(),
        }),
      ),
    )
    const logits = random.matrix(samples.length, vocab, stride, 3)
    const { sampled, draftProbs, supports } = await run(samples, logits, vocab)
    const expected = {
      sampled: sampled.map(() => 0),
      draftProbs: draftProbs.map(() => 7),
      supports: supports.map(() => 7),
      verdicts: new Uint32Array(3 * RESULT_WORDS),
    }
    const sizes = { vocab, targetVocab: verifiedVocab, stride, context, verificationDepth }
    sample(writeStep([], samples), logits, expected.sampled, new Uint32Array(3 * context), expected, sizes)
    expect(sampled).toEqual(expected.sampled)
    expect(expected.sampled).not.toEqual(
      samples.map(({ position, seed }, i) =>
        draw(logits.subarray(i * stride, i * stride + vocab), position, seed, filters),
      ),
    )
    expectClose(draftProbs, expected.draftProbs, { relative: 1e-5 })
    const words = (of: Uint32Array, place: number) => of.filter((_, i) => i % SUPPORT_WORDS === place)
    expect(words(supports, 0)).toEqual(words(expected.supports, 0))
    for (const place of [1, 2, 3]) {
      const floats = [supports, expected.supports].map(of => new Float32Array(words(of, place).buffer))
      expectClose(floats[0]!, floats[1]!, { relative: 1e-5 })
    }
    // Of the three, one is the target's, and the others drafts.
    expect([...draftProbs.subarray(0, verificationDepth * verifiedVocab)].every(value => value === 7)).toBe(
      true,
    )
    expect([...supports.subarray(4 * SUPPORT_WORDS)].every(word => word === 7)).toBe(true)
  })

  it('leaves how far a draft’s best logit is above the next one, by token or head', async () => {
    const [vocab, random] = [300, new Random(9)]
    const stride = padded(vocab)
    const drafts = [0, 1, 2, 3].map(i => ({ sequence: 1, position: 20 + i, length: 20 }))
    const heads = [0, 1, 2].map(head => ({ sequence: 2, position: 30 + head, length: 30 + head, head }))
    const samples = [...drafts, ...heads].map(fields => sampleOf(plain, { ...fields, draft: true }))
    const logits = random.matrix(samples.length, vocab, stride, 3)
    // The two best a workgroup apart, so that one thread has both; and equal.
    logits.set([9, ...new Array<number>(255).fill(1), 8.5], 0)
    logits.set([7, 7], stride)
    const { sampled, verdicts } = await run(samples, logits, vocab, { drafts: true })
    const rowOf = (i: number) => logits.subarray(i * stride, i * stride + vocab)
    const margins = samples.map((_, i) => marginOf(rowOf(i)))
    expect(margins.slice(0, 2)).toEqual([0.5, 0])
    const expected = new Uint32Array(3 * RESULT_WORDS).fill(7)
    const tokens = sampled.map(() => 0)
    const kept = { verdicts: expected, draftProbs: new Float32Array(), supports: new Uint32Array() }
    const sizes = { vocab, stride, context, verificationDepth }
    sample(writeStep([], samples), logits, tokens, new Uint32Array(3 * context), kept, sizes)
    expect(verdicts).toEqual(expected)
    expect(verdicts.filter(word => word !== 7)).toHaveLength(samples.length)
    expect(bitcastF32(verdicts[RESULT_WORDS + MARGINS_AT]!)).toBe(0.5)
    const silent = await run(samples, logits, vocab)
    expect(silent.verdicts.every(word => word === 7)).toBe(true)
    expect(silent.sampled).toEqual(sampled)
  })

  it('leaves a node’s best tokens, by the same noise, where its children stand', async () => {
    const [vocab, random] = [320, new Random(5)]
    const children = { count: 4, skip: 7 }
    const mixes: Filters[] = [plain, { ...plain, temperature: 0 }, { ...plain, topK: 2 }]
    const samples = mixes.map((mix, sequence) =>
      sampleOf(mix, { sequence, position: 20, draft: true, children }),
    )
    const logits = random.matrix(samples.length, vocab, vocab, 3)
    const { sampled, history } = await run(samples, logits, vocab)
    for (const [i, sample] of samples.entries()) {
      const row = logits.subarray(i * vocab, (i + 1) * vocab)
      const best = drawBest(row, sample.position, sample.seed, sample, 4)
      expect([...history.subarray(i * context + 27, i * context + 31)]).toEqual(best)
      expect(sampled[i]).toBe(draw(row, sample.position, sample.seed, sample))
      expect(new Set(best).size).toBe(sample.topK === 2 ? 3 : 4) // the last id stands for what is not kept
    }
    expect(history.filter(token => token !== 9999)).toHaveLength(12)
  })
})
