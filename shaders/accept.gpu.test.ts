import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { accept, NONE } from './reference/accept'
import { Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import {
  BIASED,
  PENALISED,
  plainRow,
  RESULT_WORDS,
  type Row,
  type Sample,
  type Verdict,
  writeStep,
} from './reference/step'

const context = 100
const numSequences = 40
const vocab = 50
const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, draft: false, row: 0, position: 0 }

interface Case {
  verdicts: Verdict[]
  sampled: Uint32Array<ArrayBuffer>
  history: Uint32Array<ArrayBuffer>
  /** Whether a verdict's samples are drawn with penalties. */
  penalised?: (verdict: number) => boolean
  /** Of trees. */
  rows?: Row[]
  samples?: Sample[]
}

async function expectAgreement(test: Case, section: number) {
  const { verdicts, sampled, history, penalised, rows = [] } = test
  const plain = verdicts.flatMap(({ sequence, depth }, i) =>
    new Array<Sample>(depth + 1).fill({
      ...sampling,
      sequence,
      flags: penalised?.(i) ? PENALISED : BIASED,
    }),
  )
  const step = writeStep(rows, test.samples ?? plain, verdicts)
  const results = new Uint32Array(numSequences * RESULT_WORDS).fill(77)
  const counts = new Uint32Array(numSequences * vocab).map((_, i) => (i % 3 === 0 ? 0x80000000 : 0) + (i % 5))
  const lengths = new Uint32Array(numSequences).fill(7)
  const [expectedHistory, expected, expectedCounts] = [history.slice(), results.slice(), counts.slice()]
  const expectedLengths = lengths.slice()
  accept(step, sampled, expectedHistory, expected, expectedCounts, expectedLengths, { context, vocab })
  await runKernel({
    kernel: kernels.accept,
    params: { CONTEXT: context, VOCAB: vocab },
    data: [step, sampled, history, results, counts, lengths],
    groups: [Math.ceil(verdicts.length / 32)],
    stepOffset: section * 256,
  })
  expect(results).toEqual(expected)
  expect(history).toEqual(expectedHistory)
  expect(counts).toEqual(expectedCounts)
  expect(lengths).toEqual(expectedLengths)
  return { results, counts }
}

/** Drafts agree with the samples with the given probability; tokens are few, so stops hit inside drafts. */
function randomCase(seed: number, depths: readonly number[], agreement: number): Case {
  const random = new Random(seed)
  const order = random.shuffled(numSequences)
  const history = new Uint32Array(numSequences * context).map(() => random.integer(0, 9))
  const verdicts: Verdict[] = []
  const sampled: number[] = []
  for (const [i, depth] of depths.entries()) {
    const length = random.integer(0, context - depth)
    const stops = Array.from({ length: random.integer(0, 8) }, () => random.integer(0, 40))
    verdicts.push({ sequence: order[i]!, length, firstSample: sampled.length, depth, stops })
    for (let j = 0; j <= depth; j++) {
      const drafted = history[order[i]! * context + length + j]
      const agrees = j < depth && random.word() < agreement * 2 ** 32
      // A lookup that found less than was asked for.
      if (random.integer(0, 20) === 0) history[order[i]! * context + length + j] = NONE
      sampled.push(agrees ? drafted! : random.integer(0, 9))
    }
  }
  return {
    verdicts,
    sampled: new Uint32Array(sampled),
    history,
    penalised: i => (seed >> (i % 8)) % 2 === 0,
  }
}

describe('accept', () => {
  it('agrees with its reference', async () => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.array(fc.nat(16), { minLength: 1, maxLength: numSequences }),
      fc.constantFrom(0, 0.5, 0.9, 1),
      fc.nat(3),
      async (seed, depths, agreement, section) => {
        await expectAgreement(randomCase(seed, depths, agreement), section)
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it('commits every number of accepted drafts at every depth', async () => {
    for (let depth = 0; depth <= 16; depth++) {
      const accepted = Array.from({ length: depth + 1 }, (_, i) => i)
      const verdicts = accepted.map(i => ({
        sequence: i,
        length: 3 * i,
        firstSample: i * (depth + 1),
        depth,
        stops: [],
      }))
      const history = new Uint32Array(numSequences * context).fill(5)
      const sampled = new Uint32Array((depth + 1) ** 2).fill(5)
      for (const i of accepted) sampled[i * (depth + 1) + i] = 6 // the first that differs
      const { results } = await expectAgreement({ verdicts, sampled, history }, 0)
      for (const i of accepted) {
        const tokens = [...Array(i).fill(5), 6]
        const words = results.slice(i * RESULT_WORDS, i * RESULT_WORDS + 4 + tokens.length)
        expect([...words]).toEqual([i + 1, i, 0, depth, ...tokens])
      }
    }
  })

  it('follows a tree as its reference does', async () => {
    const property = fc.asyncProperty(fc.nat(), fc.nat(3), async (seed, section) => {
      const random = new Random(seed)
      const history = new Uint32Array(numSequences * context).map(() => random.integer(0, 2))
      const rows: Row[] = []
      const samples: Sample[] = []
      const verdicts = random
        .shuffled(numSequences)
        .slice(0, 6)
        .map(sequence => {
          const depth = random.integer(1, 16)
          const length = random.integer(1, context - depth)
          const firstSample = samples.length
          for (let node = 0; node <= depth; node++) {
            const parent = node === 0 ? 0 : random.integer(0, node - 1)
            samples.push({ ...sampling, sequence, row: rows.length })
            rows.push({ ...plainRow(sequence, length), tree: { base: length - 1, mask: 1, parent } })
          }
          const stops = random.integer(0, 3) === 0 ? [1] : []
          return { sequence, length, firstSample, depth, stops, isTree: true }
        })
      const sampled = new Uint32Array(samples.length).map(() => random.integer(0, 2))
      await expectAgreement({ verdicts, sampled, history, rows, samples }, section)
    })
    await fc.assert(property, { numRuns: 40 })
  })

  it('ends at a stop inside the draft', async () => {
    const history = new Uint32Array(numSequences * context).fill(5)
    history[12] = 8
    const verdicts = [{ sequence: 0, length: 10, firstSample: 0, depth: 4, stops: [3, 8] }]
    const sampled = new Uint32Array([5, 5, 8, 5, 5])
    const { results } = await expectAgreement({ verdicts, sampled, history }, 1)
    expect([...results.slice(0, 8)]).toEqual([3, 3, 1, 4, 5, 5, 8, 77])
  })

  it('has no place in the history for the token after a full context', async () => {
    const history = new Uint32Array(numSequences * context).fill(5)
    const verdicts = [{ sequence: 0, length: context, firstSample: 0, depth: 0, stops: [] }]
    await expectAgreement({ verdicts, sampled: new Uint32Array([9]), history }, 0)
    expect(history.includes(9)).toBe(false)
  })

  it('counts what it commits, and only where there are penalties', async () => {
    const history = new Uint32Array(numSequences * context).fill(5)
    const verdicts = [0, 1].map(i => ({ sequence: i, length: 10, firstSample: 4 * i, depth: 3, stops: [] }))
    const sampled = new Uint32Array([5, 5, 8, 5, 5, 5, 8, 5]) // the last of each is drawn behind a rejected token
    const before = await expectAgreement({ verdicts: [], sampled, history: history.slice() }, 0)
    const { counts } = await expectAgreement({ verdicts, sampled, history, penalised: i => i === 1 }, 0)
    const gained = [...counts].map((count, at) => count - before.counts[at]!)
    expect(gained.flatMap((gain, at) => (gain ? [[at, gain]] : []))).toEqual([
      [vocab + 5, 2],
      [vocab + 8, 1],
    ])
  })
})
