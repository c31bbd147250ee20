/**
 * Sampling is a draw from the target's own distribution, with a draft as without, whatever judges it: the joint of the
 * second and third token over many seeds fits the target's probabilities. Acceptance that takes every draft token, and a
 * draft that is cut short for a token that was drawn, must fail the same test: it shows that the test can see a bias.
 */
import {
  Engine,
  type EngineInternals,
  type GenerateOptions,
  sharedDevice,
  type TokenBatch,
} from '@foretoken/engine'
import { kernels } from '@foretoken/shaders'
import type { BenchContext, BenchRow } from './bench-context'
import { type ChiSquare, chiSquare } from './chi-square'
import { randomModel } from './random-model'

const VOCAB = 16
const BOS = 1
/** With three rows each, as many as there are samples for in a pass. */
const CONCURRENT = 21

/** How the tokens are drawn and judged. */
export interface Drawn extends Pick<GenerateOptions, 'speculation' | 'verification' | 'topK'> {
  temperature?: number
  internals?: EngineInternals
}

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

/** A kernel that drops a token which the draft was not sure of, for being that one (speculation.md, section 7.5). */
export const anticipatingVerify: NonNullable<EngineInternals['kernels']> = {
  verify: {
    ...kernels.verify,
    source: kernels.verify.source.replace(
      'history[tokens_at + count] != NONE)',
      'draft_probs[(sequence * VERIFICATION_DEPTH + count) * VOCAB + history[tokens_at + count]] > 0.15)',
    ),
  },
}

/** In place of prompt lookup, which would find nothing: a guess that the text decides. */
const guess: NonNullable<EngineInternals['guess']> = (sequence, depth) => {
  const last = sequence.tokens.at(-1)!
  return { tokens: [(3 * last + 5) % VOCAB, (last + 7) % VOCAB].slice(0, depth) }
}

const draftTwo = { method: 'draft', depth: 2 } as const
const lookupTwo = { method: 'lookup', depth: 2 } as const

export const modes: Readonly<Record<string, Drawn>> = {
  off: { speculation: 'off' },
  'draft@2': { speculation: draftTwo },
  'draft@2, rejection': { speculation: draftTwo, verification: 'rejection' },
  'draft@2, block': { speculation: draftTwo, verification: 'block' },
  'draft@2, rejection, top-k 6, T = 0.7': {
    speculation: draftTwo,
    verification: 'rejection',
    topK: 6,
    temperature: 0.7,
  },
  'draft@2, block, top-k 6, T = 0.7': {
    speculation: draftTwo,
    verification: 'block',
    topK: 6,
    temperature: 0.7,
  },
  'lookup@2, rejection': { speculation: lookupTwo, verification: 'rejection', internals: { guess } },
  'lookup@2, block': { speculation: lookupTwo, verification: 'block', internals: { guess } },
  'draft@2, biased acceptance': { speculation: draftTwo, internals: { kernels: biasedAccept } },
  'draft@2, rejection, cut for its token': {
    speculation: draftTwo,
    verification: 'rejection',
    internals: { kernels: anticipatingVerify },
  },
  'draft@2, block, cut for its token': {
    speculation: draftTwo,
    verification: 'block',
    internals: { kernels: anticipatingVerify },
  },
}

export default async function* distribution(context: BenchContext): AsyncGenerator<BenchRow> {
  const numSamples = context.quick ? 2_000 : 20_000
  for (const [mode, drawn] of Object.entries(modes)) {
    const { p, statistic, degrees } = await measure(numSamples, drawn)
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
  drawn: Drawn,
  deviceProfile?: EngineInternals['deviceProfile'],
): Promise<ChiSquare> {
  const engine = await load({ ...drawn.internals, ...(deviceProfile ? { deviceProfile } : {}) })
  const counts = new Array<number>(VOCAB * VOCAB).fill(0)
  await eachSeed(numSamples, async seed => {
    // One token more than is counted, so that two are drafted behind the first.
    const [, second, third] = (await draw(engine, seed, 4, drawn)).flatMap(({ tokens }) => tokens)
    counts[second! * VOCAB + third!]!++
  })
  const expected = await pairProbabilities(engine, drawn)
  await engine.dispose()
  return chiSquare(counts, expected)
}

/** How often a draft of one token, behind the first, is kept, and how often it should be. */
export async function measureAcceptance(
  numSamples: number,
  verification: 'rejection' | 'block',
): Promise<{ share: number; commonMass: number }> {
  const engine = await load()
  let numKept = 0
  await eachSeed(numSamples, async seed => {
    const drawn = { speculation: { method: 'draft', depth: 1 }, verification } as const
    const [, drafted] = await draw(engine, seed, 3, drawn)
    if (drafted!.sources[0] === 'draft') numKept++
  })
  const device = await sharedDevice()
  const drafter = await Engine.load({ model: drafterModel() }, { skipCalibration: true, device })
  let commonMass = 0
  for (let first = 0; first < VOCAB; first++) {
    const [p1, p] = await probabilities(engine, [BOS, first])
    const [, q] = await probabilities(drafter, [BOS, first])
    commonMass += p1![first]! * p!.reduce((sum, chance, token) => sum + Math.min(chance, q![token]!), 0)
  }
  await engine.dispose()
  await drafter.dispose()
  return { share: numKept / numSamples, commonMass }
}

const drafterModel = (): Blob => randomModel(2, { vocab: VOCAB })

async function load(internals: EngineInternals = {}): Promise<Engine> {
  const models = { model: randomModel(1, { vocab: VOCAB }), draft: drafterModel() }
  return Engine.load(
    { ...models, maxConcurrent: CONCURRENT, verificationDepth: 2 },
    { ...internals, skipCalibration: true, device: await sharedDevice() },
  )
}

async function eachSeed(numSamples: number, work: (seed: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < numSamples) await work(next++)
  }
  await Promise.all(Array.from({ length: CONCURRENT }, worker))
}

async function draw(engine: Engine, seed: number, maxTokens: number, drawn: Drawn): Promise<TokenBatch[]> {
  const { internals: _, ...options } = drawn
  const batches: TokenBatch[] = []
  const request = { tokens: [BOS], temperature: 1, seed, maxTokens, ignoreEos: true, ...options }
  for await (const batch of engine.generate(request)) batches.push(batch)
  return batches
}

/** P(second, third) = sum over first of P(first) P(second | first) P(third | first, second), from the logits. */
async function pairProbabilities(engine: Engine, drawn: Drawn): Promise<number[]> {
  const joint = new Array<number>(VOCAB * VOCAB).fill(0)
  for (let first = 0; first < VOCAB; first++) {
    for (let second = 0; second < VOCAB; second++) {
      const [p1, p2, p3] = await probabilities(engine, [BOS, first, second], drawn)
      for (let third = 0; third < VOCAB; third++) {
        joint[second * VOCAB + third]! += p1![first]! * p2![second]! * p3![third]!
      }
    }
  }
  return joint
}

/** Of the token behind each. */
async function probabilities(engine: Engine, tokens: number[], drawn: Drawn = {}): Promise<number[][]> {
  const { temperature = 1, topK = VOCAB } = drawn
  const { logits } = await engine.forward(tokens)
  return tokens.map((_, row) => {
    const own = [...logits.subarray(row * VOCAB, (row + 1) * VOCAB)]
    const least = own.toSorted((a, b) => b - a)[topK - 1]!
    return softmax(own.map(logit => (logit >= least ? logit / temperature : Number.NEGATIVE_INFINITY)))
  })
}

function softmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits)
  const weights = logits.map(logit => Math.exp(logit - top))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map(weight => weight / sum)
}
