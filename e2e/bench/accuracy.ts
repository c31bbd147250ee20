/** How well a model goes on with held-out texts, and how far that is from what another engine makes of them. */
import type { Engine } from '@foretoken/engine'
import type { BenchRow } from './bench-context'
import { tasksOf } from './workloads'

const MAX_TOKENS = 480

/** Perplexity of texts that are to be edited; with `exact`, the distance from that engine's distributions. */
export async function* accuracy(
  about: Record<string, unknown>,
  engine: Engine,
  exact?: Engine,
): AsyncGenerator<BenchRow> {
  const tokens = engine.tokenize(tasksOf('edit').join('\n')).slice(0, MAX_TOKENS)
  const own = await logProbs(engine, tokens)
  const row = (metric: string, value: number, unit: string): BenchRow => {
    return { ...about, name: 'accuracy', metric, value, unit, tokens: tokens.length }
  }
  yield row('perplexity', perplexity(own, tokens), '')
  if (!exact) return
  const expected = await logProbs(exact, tokens)
  yield row('mean_kl', mean(expected.map((at, i) => divergence(at, own[i]!))), 'nats')
  const isSame = expected.map((at, i) => Number(best(at) === best(own[i]!)))
  yield row('same_best_fraction', mean(isSame), '')
}

/** log p(token) at every position. */
export async function logProbs(engine: Engine, tokens: readonly number[]): Promise<Float64Array[]> {
  const { logits, vocab } = await engine.forward(tokens)
  return tokens.map((_, i) => logSoftmax(logits.subarray(i * vocab, (i + 1) * vocab)))
}

function logSoftmax(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b))
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0)
  return Float64Array.from(logits, logit => logit - top - Math.log(sum))
}

export const perplexity = (at: readonly Float64Array[], tokens: readonly number[]): number =>
  Math.exp(-mean(tokens.slice(1).map((token, i) => at[i]![token]!)))

/** KL(p || q), in nats. */
export const divergence = (p: Float64Array, q: Float64Array): number =>
  p.reduce((sum, logP, token) => sum + Math.exp(logP) * (logP - q[token]!), 0)

export const best = (at: Float64Array): number => at.indexOf(at.reduce((a, b) => Math.max(a, b)))
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
