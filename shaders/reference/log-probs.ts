/** Log-softmax of the raw logits: of the token drawn and of the most likely ones, best first: log-probs.wgsl. */
import { NUM_SAMPLES, SAMPLE_WORDS, SAMPLES_AT } from './step'
import { bitcastU32 } from './wgsl-builtins'

/** Log-probability of the token drawn, 0, then up to 20 pairs of token and log-probability. */
export const LOG_PROB_WORDS = 42
const f32 = Math.fround

export function logProbs(
  step: Uint32Array,
  logits: Float32Array, // [samples, stride]
  sampled: Uint32Array, // [samples]
  results: Uint32Array, // [samples, LOG_PROB_WORDS]
  { vocab, stride }: { vocab: number; stride: number },
): void {
  for (let s = 0; s < step[NUM_SAMPLES]!; s++) {
    const wanted = step[step[SAMPLES_AT]! + s * SAMPLE_WORDS + 11]!
    if (wanted === 0) continue
    const row = logits.subarray(s * stride, s * stride + vocab)
    const all = logSoftmax(row)
    const best = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, wanted - 1)
    const pairs = best.flatMap(token => [token, bitcastU32(all[token]!)])
    const result = s * LOG_PROB_WORDS
    results[result] = bitcastU32(all[sampled[s]!]!)
    results.set(pairs, result + 2)
  }
}

export function logSoftmax(logits: Float32Array): Float32Array {
  const top = logits.reduce((a, b) => Math.max(a, b))
  const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - top), 0))
  return logits.map(value => f32(f32(value - top) - logSum))
}
