/** Draft, verdict and next token over several steps and many seeds, drawn by the kernels' own noise. */
import { describe, expect, it } from 'vitest'
import { ACCEPT_STREAM, DRAFT_STREAM, gumbel, streamSeed, uniformNoise } from './noise'
import { Random } from './random'
import { BLOCK, REJECTION } from './step'
import { verify } from './verification'

const rules = [
  ['rejection', REJECTION],
  ['block', BLOCK],
] as const

type Model = (before: readonly number[]) => number[]

interface Setup {
  target: Model
  drafter: Model
  rule: number
  depth: number
  /** What the streams are told of the committed length. */
  lengthSeen?: (length: number) => number
  /** Whose noise the draft is drawn by. */
  draftSeed?: (length: number, seed: number) => number
}

function randomModel(seed: number, vocab: number): Model {
  const known = new Map<string, number[]>()
  return before => {
    const key = before.join()
    const random = new Random(before.reduce((hash, token) => Math.imul(hash, 31) + token + 1, seed * 7919))
    const weights = known.get(key) ?? Array.from({ length: vocab }, () => Math.exp(2 * random.float()))
    known.set(key, weights)
    const sum = weights.reduce((a, b) => a + b, 0)
    return weights.map(weight => weight / sum)
  }
}

function draw(weights: readonly number[], position: number, seed: number): number {
  const scores = weights.map((weight, token) => Math.log(weight) + gumbel(token, position, seed))
  return scores.indexOf(Math.max(...scores))
}

/** The first tokens of a seed, in steps of one draft each. */
function generate(seed: number, count: number, setup: Setup): number[] {
  const { target, drafter, rule, depth, lengthSeen = own => own } = setup
  const { draftSeed = (length, own) => streamSeed(DRAFT_STREAM, length, own) } = setup
  const tokens: number[] = []
  while (tokens.length < count) {
    const length = lengthSeen(tokens.length)
    const [draft, q]: [number[], number[][]] = [[], []]
    for (let i = 0; i < depth; i++) {
      q.push(drafter([...tokens, ...draft]))
      draft.push(draw(q[i]!, tokens.length + i, draftSeed(length, seed)))
    }
    const p = Array.from({ length: depth + 1 }, (_, i) => target([...tokens, ...draft.slice(0, i)]))
    const acceptSeed = streamSeed(ACCEPT_STREAM, length, seed)
    const noise = draft.map((_, i) => uniformNoise(tokens.length + i - length, 0, acceptSeed))
    const { numKept, weights } = verify(rule, { p, q, draft }, noise)
    tokens.push(...draft.slice(0, numKept))
    tokens.push(draw(weights, tokens.length, seed))
  }
  return tokens.slice(0, count)
}

/** Pearson's statistic of the texts of `count` tokens over so many seeds. */
function statistic(count: number, numSeeds: number, setup: Setup): number {
  const counts = new Map<string, number>()
  for (let seed = 0; seed < numSeeds; seed++) {
    const text = generate(seed, count, setup).join()
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  let sum = 0
  const visit = (before: number[], chance: number): void => {
    if (before.length < count) {
      for (const [token, p] of setup.target(before).entries()) visit([...before, token], chance * p)
      return
    }
    const wanted = chance * numSeeds
    sum += ((counts.get(before.join()) ?? 0) - wanted) ** 2 / wanted
  }
  visit([], 1)
  return sum
}

/** 99.9 % of a chi-square distribution (Wilson and Hilferty). */
const bound = (degrees: number) =>
  degrees * (1 - 2 / (9 * degrees) + 3.09 * Math.sqrt(2 / (9 * degrees))) ** 3

const models = { target: randomModel(1, 3), drafter: randomModel(12, 3) }

describe.each(rules)('%s', { timeout: 30_000 }, (_, rule) => {
  it('draws four tokens in several steps from the target’s own distribution', () => {
    expect(statistic(4, 60_000, { ...models, rule, depth: 2 })).toBeLessThan(bound(3 ** 4 - 1))
  })

  it('would be biased by a draft that is drawn with the target’s own noise', () => {
    const shared = { ...models, rule, depth: 2, draftSeed: (_: number, seed: number) => seed }
    expect(statistic(4, 60_000, shared)).toBeGreaterThan(2 * bound(3 ** 4 - 1))
  })

  it('gives the same tokens for the same seed, and others for another', () => {
    for (const depth of [1, 3, 5]) {
      const setup = { target: randomModel(1, 8), drafter: randomModel(2, 8), rule, depth }
      const first = generate(9, 24, setup)
      for (let repeat = 0; repeat < 20; repeat++) expect(generate(9, 24, setup)).toEqual(first)
      expect(generate(10, 24, setup)).not.toEqual(first)
    }
  })

  it('converges to the target as samples grow, and to nothing else', () => {
    const vocab = 10
    const setup = { target: randomModel(1, vocab), drafter: randomModel(2, vocab), rule, depth: 2 }
    const others = Array.from({ length: 100 }, (_, i) => randomModel(100 + i, vocab)([]))
    const counts = new Array<number>(vocab).fill(0)
    const distances: Array<{ toTarget: number; toOthers: number }> = []
    for (let seed = 0, checkAt = 10; seed < 100_000; seed++) {
      counts[generate(seed, 1, setup)[0]!]!++
      if (seed + 1 < checkAt) continue
      checkAt *= 10
      const distance = (to: number[]) => Math.hypot(...to.map((p, token) => p - counts[token]! / (seed + 1)))
      const toOthers = others.reduce((sum, other) => sum + distance(other), 0) / others.length
      distances.push({ toTarget: distance(setup.target([])), toOthers })
    }
    const [first, last] = [distances[0]!, distances.at(-1)!]
    expect(first.toTarget / last.toTarget).toBeGreaterThan((20 * first.toOthers) / last.toOthers)
  })
})

it('judges blocks wrongly with noise that an earlier step has looked at', { timeout: 30_000 }, () => {
  const reused = { ...models, depth: 2, lengthSeen: () => 0 }
  expect(statistic(4, 60_000, { ...reused, rule: BLOCK })).toBeGreaterThan(2 * bound(3 ** 4 - 1))
  // One by one, nothing is looked at before its turn.
  expect(statistic(4, 60_000, { ...reused, rule: REJECTION })).toBeLessThan(bound(3 ** 4 - 1))
})
