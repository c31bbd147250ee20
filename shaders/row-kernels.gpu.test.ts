import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatParams, kernels, type WeightFormat } from './index'
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
        expect(hidden).toEqual(expected)
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })
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
        const weight = random.matrix(1, columns, columns)
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
