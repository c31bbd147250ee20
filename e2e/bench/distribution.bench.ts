/**
 * Sampling is a draw from the target's own distribution, with a draft as without: the joint of the second and third
 * token over many seeds fits the target's probabilities. An acceptance that takes every draft token must fail the
 * same test: it shows that the test can see a bias.
 */
import { Engine, type EngineInternals, type Speculation } from '@foretoken/engine'
import { kernels } from '@foretoken/shaders'
import type { BenchContext, BenchRow } from './bench-context'
import { type ChiSquare, chiSquare } from './chi-square'
import { randomModel } from './random-model'

const VOCAB = 16
const BOS = 1
const CONCURRENT = 32

/** A kernel that accepts whatever was drafted. */
export const biasedAccept: NonNullable<EngineInternals['kernels']> = {
  accept: {
    ...kernels.accept,
    source: kernels.accept.source.replace(
      'let token = sampled[first_sample + node];',
      'let token = select(sampled[first_sample + node], history[begin + node + 1u], node < num_drafted);',
    ),
  },
}

export default async function* distribution(context: BenchContext): AsyncGenerator<BenchRow> {
  const numSamples = context.quick ? 2_000 : 20_000
  const draftTwo: Speculation = { method: 'draft', depth: 2 }
  const cases: Array<[string, Speculation, NonNullable<EngineInternals['kernels']>]> = [
    ['off', 'off', {}],
    ['draft@2', draftTwo, {}],
    ['draft@2, biased acceptance', draftTwo, biasedAccept],
  ]
  for (const [mode, speculation, kernels] of cases) {
    const { p, statistic, degrees } = await measure(numSamples, speculation, kernels)
    yield {
      name: 'distribution',
      mode,
      metric: 'p_value',
      value: p,
      unit: '',
      statistic,
      degrees,
      samples: numSamples,
    }
  }
}

/** Draws three tokens per seed and tests the pairs (second, third). */
export async function measure(
  numSamples: number,
  speculation: Speculation,
  kernels: NonNullable<EngineInternals['kernels']>,
): Promise<ChiSquare> {
  const models = { model: randomModel(1, { vocab: VOCAB }), draft: randomModel(2, { vocab: VOCAB }) }
  const engine = await Engine.load(
    { ...models, maxConcurrent: CONCURRENT },
    { kernels, skipCalibration: true },
  )
  const counts = new Array<number>(VOCAB * VOCAB).fill(0)
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < numSamples) {
      const [, second, third] = await draw(engine, next++, speculation)
      counts[second! * VOCAB + third!]!++
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT }, worker))
  const expected = await pairProbabilities(engine)
  await engine.dispose()
  return chiSquare(counts, expected)
}

async function draw(engine: Engine, seed: number, speculation: Speculation): Promise<number[]> {
  const drawn: number[] = []
  // One token more than is counted, so that two are drafted behind the first.
  const request = { tokens: [BOS], temperature: 1, seed, maxTokens: 4, ignoreEos: true, speculation }
  for await (const { tokens } of engine.generate(request)) drawn.push(...tokens)
  return drawn
}

/** P(second, third) = sum over first of P(first) P(second | first) P(third | first, second), from the logits. */
async function pairProbabilities(engine: Engine): Promise<number[]> {
  const joint = new Array<number>(VOCAB * VOCAB).fill(0)
  for (let first = 0; first < VOCAB; first++) {
    for (let second = 0; second < VOCAB; second++) {
      const { logits } = await engine.forward([BOS, first, second])
      const [p1, p2, p3] = [0, 1, 2].map(row => softmax(logits.subarray(row * VOCAB, (row + 1) * VOCAB)))
      for (let third = 0; third < VOCAB; third++) {
        joint[second * VOCAB + third]! += p1![first]! * p2![second]! * p3![third]!
      }
    }
  }
  return joint
}

function softmax(logits: Float32Array): number[] {
  const top = Math.max(...logits)
  const weights = [...logits].map(logit => Math.exp(logit - top))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map(weight => weight / sum)
}
