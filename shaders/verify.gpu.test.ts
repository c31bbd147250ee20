import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { accept, NONE } from './reference/accept'
import { padded, Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { draw, type Filters, probabilities, supportOf } from './reference/sample'
import { BLOCK, DRAWN, REJECTION, RESULT_WORDS, type Sample, type Verdict, writeStep } from './reference/step'
import { verify } from './reference/verify'
import { bitcastU32 } from './reference/wgsl-builtins'

const context = 64
const numSequences = 8
const verificationDepth = 16

interface Request {
  depth: number
  /** REJECTION or BLOCK, DRAWN if a model drafted, or 0. */
  flags: number
  filters: Filters
  seed: number
}

interface Case {
  samples: Sample[]
  verdicts: Verdict[]
  logits: Float32Array<ArrayBuffer>
  supports: Uint32Array<ArrayBuffer>
  draftProbs: Float32Array<ArrayBuffer>
  history: Uint32Array<ArrayBuffer>
  sampled: Uint32Array<ArrayBuffer>
  vocab: number
  stride: number
}

/** Drafts near the target: their logits are the target's, disturbed. */
function caseOf(requests: readonly Request[], vocab: number, random: Random, isFound = true): Case {
  const stride = padded(vocab)
  const history = new Uint32Array(numSequences * context).map(() => random.integer(0, vocab - 1))
  const draftProbs = new Float32Array(numSequences * verificationDepth * vocab)
  const [samples, verdicts, rows, supports, sampled] = [[], [], [], [], []] as [
    Sample[],
    Verdict[],
    Float32Array[],
    number[],
    number[],
  ]
  requests.forEach(({ depth, flags, filters, seed }, sequence) => {
    const length = random.integer(1, context - depth)
    verdicts.push({ sequence, length, firstSample: samples.length, depth, stops: [] })
    for (let i = 0; i <= depth; i++) {
      const position = length + i
      const logits = random.matrix(1, vocab, stride, 3)
      const own = logits.subarray(0, vocab)
      const support = supportOf(own, filters)
      samples.push({ row: 0, sequence, position, length, seed, draft: false, flags, ...filters })
      rows.push(logits)
      supports.push(support.atLeast, bitcastU32(support.top), bitcastU32(support.total), 0)
      sampled.push(draw(own, position, seed, filters))
      if (i === depth) continue
      const near = own.map(value => value + random.float())
      const token = draw(near, position, seed + 1, filters)
      history[sequence * context + position] = !isFound && random.integer(0, 4) === 0 ? NONE : token
      const probs = probabilities(near, supportOf(near, filters), filters.temperature)
      draftProbs.set(probs, (sequence * verificationDepth + i) * vocab)
    }
  })
  return {
    samples,
    verdicts,
    logits: new Float32Array(rows.flatMap(row => [...row])),
    supports: new Uint32Array(supports),
    draftProbs,
    history,
    sampled: new Uint32Array(sampled),
    vocab,
    stride,
  }
}

async function run(test: Case, section = 0): Promise<Uint32Array> {
  const { samples, verdicts, logits, supports, draftProbs, history, vocab, stride } = test
  const sampled = test.sampled.slice()
  await runKernel({
    kernel: kernels.verify,
    params: {
      CONTEXT: context,
      VOCAB: vocab,
      VERIFICATION_DEPTH: verificationDepth,
      WORKGROUP: section % 2 ? 4 : 256,
    },
    data: [
      writeStep([], samples, verdicts),
      logits,
      supports,
      draftProbs,
      history,
      sampled,
      new Uint32Array([vocab, stride, 0, 0]),
    ],
    groups: [verdicts.length],
    stepOffset: section * 256,
  })
  return sampled
}

/** What the reference makes of it, the noise of acceptance a little lower, as it is, or higher. */
function references(test: Case): Uint32Array[] {
  const { samples, verdicts, logits, supports, draftProbs, history, vocab, stride } = test
  return [-1e-4, 0, 1e-4].map(nudge => {
    const sampled = test.sampled.slice()
    const sizes = { vocab, stride, context, verificationDepth, nudge }
    verify(writeStep([], samples, verdicts), logits, supports, draftProbs, history, sampled, sizes)
    return sampled
  })
}

/** How many verdicts are the reference's own; the others must be, but for rounding. */
function expectAgreement(test: Case, sampled: Uint32Array): number {
  const expected = references(test)
  const of = (all: Uint32Array, { firstSample, depth }: Verdict) =>
    all.slice(firstSample, firstSample + depth + 1).join()
  for (const verdict of test.verdicts) {
    expect(expected.map(all => of(all, verdict))).toContain(of(sampled, verdict))
  }
  return test.verdicts.filter(verdict => of(sampled, verdict) === of(expected[1]!, verdict)).length
}

const plain: Filters = { temperature: 1, topK: 0, topP: 1, minP: 0 }

const requests = fc.record({
  depth: fc.nat(16),
  flags: fc.constantFrom(0, REJECTION, BLOCK, REJECTION | DRAWN, BLOCK | DRAWN),
  filters: fc.record({
    temperature: fc.constantFrom(0.5, 1, 2),
    topK: fc.constantFrom(0, 1, 5, 99),
    topP: fc.constantFrom(1, 0.5, 0.9, 0.99).map(Math.fround),
    minP: fc.constantFrom(0, 0, 0.05).map(Math.fround),
  }),
  seed: fc.nat(),
})

describe('verify', () => {
  it('judges as its reference does, in every mix of rules, drafters and filters', async () => {
    let [agreeing, total] = [0, 0]
    const property = fc.asyncProperty(
      fc.nat(),
      fc.constantFrom(2, 10, 255, 256, 1000),
      fc.array(requests, { minLength: 1, maxLength: numSequences }),
      fc.nat(3),
      async (seed, vocab, wanted, section) => {
        const test = caseOf(wanted, vocab, new Random(seed), false)
        agreeing += expectAgreement(test, await run(test, section))
        total += wanted.length
      },
    )
    await fc.assert(property, { numRuns: 40 })
    expect(agreeing / total).toBeGreaterThan(0.98)
  })

  it.each([100, 8192, 10_000])('recovers a rejected token as its reference does, of %d', async vocab => {
    const flags = [REJECTION, BLOCK, REJECTION | DRAWN, BLOCK | DRAWN]
    const wanted = Array.from({ length: numSequences }, (_, i) => {
      return { depth: 3, flags: flags[i % 4]!, filters: plain, seed: i }
    })
    const test = caseOf(wanted, vocab, new Random(vocab))
    const sampled = await run(test)
    expect(expectAgreement(test, sampled)).toBeGreaterThanOrEqual(numSequences - 1)
    expect(sampled).not.toEqual(test.sampled)
  })

  it('judges a request alone as in company', async () => {
    for (const depth of [1, 3, 5]) {
      const flags = [
        BLOCK | DRAWN,
        REJECTION,
        0,
        REJECTION | DRAWN,
        BLOCK,
        0,
        BLOCK | DRAWN,
        REJECTION | DRAWN,
      ]
      const together = caseOf(
        flags.map((own, i) => ({ depth, flags: own, filters: plain, seed: i })),
        50,
        new Random(depth),
      )
      const all = await run(together)
      for (const [i, verdict] of together.verdicts.entries()) {
        const alone = await run({ ...together, verdicts: [verdict] })
        const from = i * (depth + 1)
        expect(alone.slice(from, from + depth + 1)).toEqual(all.slice(from, from + depth + 1))
      }
    }
  })

  it('leaves samples from which accept commits just what is kept, and one token', async () => {
    const wanted = Array.from({ length: numSequences }, (_, i) => {
      return { depth: 6, flags: (i % 2 ? REJECTION : BLOCK) | DRAWN, filters: plain, seed: 50 + i }
    })
    const test = caseOf(wanted, 40, new Random(5))
    const sampled = await run(test)
    const [results, counts, lengths] = [RESULT_WORDS, test.vocab, 1].map(
      size => new Uint32Array(numSequences * size),
    )
    const step = writeStep([], test.samples, test.verdicts)
    const sizes = { context, vocab: test.vocab }
    accept(step, sampled, test.history.slice(), results!, counts!, lengths!, sizes)
    for (const { sequence, length, firstSample, depth } of test.verdicts) {
      const draft = test.history.subarray(sequence * context + length).subarray(0, depth)
      const same = [...draft].findIndex((token, i) => sampled[firstSample + i] !== token)
      const numKept = same < 0 ? depth : same
      expect([...results!.subarray(sequence * RESULT_WORDS).subarray(0, 2)]).toEqual([numKept + 1, numKept])
    }
    const kept = test.verdicts.map(({ sequence }) => results![sequence * RESULT_WORDS + 1]!)
    expect(Math.max(...kept)).toBeGreaterThan(Math.min(...kept))
  })
})
