/** Angles of rotary position embeddings (RoPE: Su et al., 2104.09864), and how files stretch them for long contexts. */
import type { ModelConfig } from './model-config'

/** Divisors of the frequencies: of all contexts (Llama 3.1), and of short and long ones (LongRoPE, 2402.13753). */
export const ropeFreqsName = 'rope_freqs.weight'
export const ropeFactorNames = [ropeFreqsName, 'rope_factors_short.weight', 'rope_factors_long.weight']

export type RopeFactors = ReadonlyMap<string, Float32Array>

/**
 * Those that serve a context of this length: as in llama.cpp the choice is made once. A row that changed it when its
 * sequence has grown would not fit the keys that are in the cache.
 */
export function ropeFactors(
  { rope, context: trained }: Pick<ModelConfig, 'rope' | 'context'>,
  context: number,
  all: RopeFactors,
): Float32Array | undefined {
  const isLong = context > (rope.originalContext ?? trained)
  return all.get(`rope_factors_${isLong ? 'long' : 'short'}.weight`) ?? all.get(ropeFreqsName)
}

/** cos and sin of every position and frequency, in double precision: [context, dim / 2] pairs. */
export function ropeTable(
  { dim, base, scale = 1, magnitude = 1 }: ModelConfig['rope'],
  context: number,
  factors: Float32Array | undefined,
): Float32Array<ArrayBuffer> {
  const half = dim / 2
  const table = new Float32Array(context * half * 2)
  for (let i = 0; i < half; i++) {
    const frequency = base ** ((-2 * i) / dim) / (scale * (factors?.[i] ?? 1))
    for (let position = 0; position < context; position++) {
      table[(position * half + i) * 2] = magnitude * Math.cos(position * frequency)
      table[(position * half + i) * 2 + 1] = magnitude * Math.sin(position * frequency)
    }
  }
  return table
}
