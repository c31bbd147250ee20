import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { server } from 'vitest/browser'
import { formatParams, kernels, type WeightFormat } from './index'
import { draftLogits, NO_TWIN } from './reference/draft-logits'
import { embed } from './reference/embed'
import { expectClose } from './reference/expect-close'
import { padded, Random } from './reference/random'
import { columnsFor, randomWeights } from './reference/random-weights'
import { rmsNorm } from './reference/rms-norm'
import { runKernel } from './reference/run-kernel'
import { plainRow, type Row, type Sample, writeStep } from './reference/step'
import { bitcastU32 } from './reference/wgsl-builtins'

const formats = Object.keys(formatParams) as WeightFormat[]
const shapes = {
  seed: fc.nat(),
  numRows: fc.integer({ min: 1, max: 9 }),
  columns: fc.integer({ min: 1, max: 300 }),
  section: fc.nat(3),
}

function randomRows(random: Random, numRows: number, numSequences: number, context: number): Row[] {
  return Array.from({ length: numRows }, () => {
    const place = () => random.integer(0, context - 1)
    return { ...plainRow(random.integer(0, numSequences - 1), place()), tokenAt: place() }
  })
}

describe('embed', () => {
  it('agrees with its reference bit for bit, and leaves rows of other parts of the table alone', async () => {
    const property = fc.asyncProperty(
      fc.record({
        ...shapes,
        first: fc.integer({ min: 0, max: 50 }),
        format: fc.constantFrom(...formats),
        vocab: fc.integer({ min: 1, max: 40 }),
      }),
      async ({ seed, format, vocab: tokens, first, numRows, columns, section }) => {
        const random = new Random(seed)
        const context = 96
        const vocab = first + tokens + random.integer(0, 20)
        const weights = randomWeights(random, format, tokens, columnsFor(format, columns))
        // A few ids beyond the vocabulary: the kernel must not read past the table.
        const history = new Uint32Array(3 * context).map(() => random.integer(0, vocab + 2))
        const step = writeStep(randomRows(random, numRows, 3, context))
        const hidden = new Float32Array(numRows * weights.columns).fill(7)
        const expected = hidden.slice()
        const scale = seed % 2 ? 1 : 5.656854249492381
        embed(step, history, weights, expected, { vocab, context, first, tokens, scale })
        await runKernel({
          kernel: kernels.embed,
          params: { ...formatParams[format], CONTEXT: context, SCALE: scale },
          data: [
            step,
            history,
            weights.quants,
            weights.scales,
            hidden,
            new Uint32Array([weights.columns / 16, vocab, first, tokens]),
          ],
          groups: [numRows],
          stepOffset: section * 256,
        })
        // Firefox's llvmpipe multiplies a scale into the weights' own.
        if (scale !== 1 && server.browser === 'firefox')
          return expectClose(hidden, expected, { relative: 1e-6, absolute: 1e-5 })
        // A difference of two equal numbers may be either zero: an H100's is -0.
        expect(hidden.map(withoutSign)).toEqual(expected.map(withoutSign))
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })
})

const withoutSign = (value: number): number => value || 0

describe('of a draft model of another vocabulary', () => {
  const property = fc.asyncProperty(
    fc.record({
      ...shapes,
      // A buffer holds four words at least, and the kernel reads none behind its end.
      vocab: fc.integer({ min: 4, max: 5000 }),
      ownVocab: fc.integer({ min: 1, max: 90 }),
    }),
    async ({ seed, vocab, ownVocab, numRows, columns, section }) => {
      const random = new Random(seed)
      const context = 96
      // Half of the tokens have no twin.
      const twins = new Uint32Array(vocab).map(
        () => random.integer(0, ownVocab - 1) + (random.integer(0, 1) ? NO_TWIN : 0),
      )
      const rows = randomRows(random, numRows, 3, context)
      const samples = rows.map(() => randomSample(random, numRows))
      const step = writeStep(rows, samples)
      const history = new Uint32Array(3 * context).map(() => random.integer(0, vocab + 2))
      const weights = randomWeights(random, 'q8_0', ownVocab, columnsFor('q8_0', columns))
      const hidden = new Float32Array(numRows * weights.columns)
      const table = { vocab: ownVocab, first: 0, tokens: ownVocab, scale: 1 }
      const expected = hidden.slice()
      embed(step, history, weights, expected, { ...table, context, twins })
      await runKernel({
        kernel: kernels.embedTwins,
        params: { ...formatParams.q8_0, CONTEXT: context, TWINS: true },
        data: [
          step,
          history,
          weights.quants,
          weights.scales,
          hidden,
          new Uint32Array([weights.columns / 16, ownVocab, 0, ownVocab]),
          twins,
        ],
        groups: [numRows],
        stepOffset: section * 256,
      })
      expect(hidden).toEqual(expected)

      const [stride, ownStride] = [padded(vocab), padded(ownVocab)]
      const own = random.matrix(numRows, ownVocab, ownStride, 3)
      const logits = new Float32Array(numRows * stride).fill(7)
      const translated = logits.slice()
      draftLogits(step, own, twins, translated, { stride, ownStride })
      await runKernel({
        kernel: kernels.draftLogits,
        params: { WORKGROUP: 32, SPAN: 256 },
        data: [step, own, twins, logits, new Uint32Array([vocab, stride, ownStride, 0])],
        groups: [numRows, Math.ceil(vocab / 256)],
        stepOffset: section * 256,
      })
      expect(logits).toEqual(translated)
    },
  )

  it('reads the twins of the target’s tokens, and has their logits by the target’s ids, bit for bit', () =>
    fc.assert(property, { numRuns: 15 }))
})

describe('rms-norm', () => {
  it('agrees with its reference', async () => {
    const property = fc.asyncProperty(
      fc.record({
        ...shapes,
        gather: fc.boolean(),
        add: fc.boolean(),
        amplitude: fc.constantFrom(1e-3, 1, 100),
      }),
      async ({ seed, numRows, columns, gather, add, amplitude, section }) => {
        const random = new Random(seed)
        const stride = padded(columns)
        const numSamples = random.integer(1, 12)
        const samples = Array.from({ length: numSamples }, () => randomSample(random, numRows))
        const step = writeStep(randomRows(random, numRows, 1, 8), samples)
        const x = random.matrix(numRows, columns, stride, amplitude)
        const weight = random.matrix(1, columns, stride)
        const outRows = gather ? numSamples : numRows
        const y = random.matrix(outRows, columns, stride)
        const expected = y.slice()
        rmsNorm(step, x, weight, expected, { columns, stride, epsilon: 1e-5, gather, add })
        await runKernel({
          kernel: kernels.rmsNorm,
          params: { GATHER: gather, ADD: add },
          data: [step, x, weight, y, new Uint32Array([columns, stride, bitcastU32(1e-5), 0])],
          groups: [y.length / stride],
          stepOffset: section * 256,
        })
        expectClose(y, expected, { relative: 1e-6, absolute: add ? 1e-5 : 0 })
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })
})

function randomSample(random: Random, numRows: number): Sample {
  const row = random.integer(0, numRows - 1)
  return {
    row,
    sequence: 0,
    position: 0,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 0,
    draft: false,
  }
}
