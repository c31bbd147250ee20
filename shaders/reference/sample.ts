/**
 * One token per sample: argmax(logit / T + g(seed, position, token)) over the tokens that top-k, top-p and min-p
 * keep: sample.wgsl. Where the kernel finds a threshold by radix descent, this sorts.
 */
import { NUM_SAMPLES, SAMPLE_WORDS, SAMPLES_AT } from './step'
import { bitcastF32, bitcastU32, fma } from './wgsl-builtins'

const MASS_ONE = 2 ** 30
const COLDEST = 1e-5
const f32 = Math.fround

export interface Filters {
  temperature: number
  topK: number
  topP: number
  minP: number
}

export interface SampleSizes {
  vocab: number
  stride: number
  context: number
}

export function sample(
  step: Uint32Array,
  logits: Float32Array, // [samples, stride]
  sampled: Uint32Array, // [samples]
  history: Uint32Array, // [sequences, context]
  { vocab, stride, context }: SampleSizes,
): void {
  for (let s = 0; s < step[NUM_SAMPLES]!; s++) {
    const record = step.subarray(step[SAMPLES_AT]! + s * SAMPLE_WORDS)
    const [, sequence, position, temperature, topK, topP, minP, seed, draft] = record
    const filters = {
      temperature: bitcastF32(temperature!),
      topK: topK!,
      topP: bitcastF32(topP!),
      minP: bitcastF32(minP!),
    }
    const token = draw(logits.subarray(s * stride, s * stride + vocab), position!, seed!, filters)
    sampled[s] = token
    if (draft === 1 && position! < context) history[sequence! * context + position!] = token
  }
}

/** The token of one sample. */
export function draw(logits: Float32Array, position: number, seed: number, filters: Filters): number {
  if (filters.temperature <= COLDEST) return argmax(logits)
  return argmax(scores(logits, position, seed, filters))
}

/** (logit - top) / T + g; what the filters remove has -Infinity. */
export function scores(
  logits: Float32Array,
  position: number,
  seed: number,
  { temperature, topK, topP, minP }: Filters,
): Float32Array {
  const vocab = logits.length
  const top = logits[argmax(logits)]!
  let atLeast = 0
  if (topK > 0 && topK < vocab) {
    atLeast = threshold(
      logits,
      atLeast,
      () => 1,
      () => topK,
    )
  }
  if (topP < 1) {
    const probability = (value: number) => f32(Math.exp(f32(f32(value - top) / temperature)))
    const kept = logits.filter(value => keyOf(value) >= atLeast)
    const total = kept.reduce((sum, value) => f32(sum + probability(value)), 0)
    const mass = (value: number) => Math.floor(f32(f32(probability(value) / total) * MASS_ONE) + 0.5)
    const wanted = (all: number) => Math.min(Math.max(Math.ceil(f32(f32(all) * topP)), 1), all)
    atLeast = threshold(logits, atLeast, mass, wanted)
  }
  if (minP > 0) atLeast = Math.max(atLeast, keyOf(fma(temperature, f32(Math.log(minP)), top)))
  atLeast = Math.min(atLeast, keyOf(top))
  return logits.map((value, token) =>
    keyOf(value) >= atLeast
      ? f32(f32(value - top) / temperature) + gumbel(token, position, seed)
      : Number.NEGATIVE_INFINITY,
  )
}

/** The lowest id wins ties. */
function argmax(values: Float32Array): number {
  let best = 0
  for (const [i, value] of values.entries()) if (value > values[best]!) best = i
  return best
}

/** The largest key whose mass, its own and that of all keys above it, reaches what is wanted. */
function threshold(
  logits: Float32Array,
  atLeast: number,
  massOf: (value: number) => number,
  wantedOf: (all: number) => number,
): number {
  const kept = [...logits].filter(value => keyOf(value) >= atLeast).sort((a, b) => keyOf(b) - keyOf(a))
  const wanted = wantedOf(kept.reduce((all, value) => all + massOf(value), 0))
  let mass = 0
  for (const value of kept) {
    mass += massOf(value)
    if (mass >= wanted) return keyOf(value)
  }
  return atLeast
}

/** u32 keys in the order of the floats. */
export function keyOf(value: number): number {
  const bits = bitcastU32(value)
  return (bits >= 0x80000000 ? ~bits : bits | 0x80000000) >>> 0
}

/** pcg3d (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 2020) */
export function hash(token: number, position: number, seed: number): number {
  let [x, y, z] = [token, position, seed].map(v => Math.imul(v, 1664525) + 1013904223) as [
    number,
    number,
    number,
  ]
  x += Math.imul(y, z)
  y += Math.imul(z, x)
  z += Math.imul(x, y)
  x ^= x >>> 16
  y ^= y >>> 16
  z ^= z >>> 16
  x += Math.imul(y, z)
  y += Math.imul(z, x)
  z += Math.imul(x, y)
  return x >>> 0
}

/** -log(-log(1 - u)), u uniform in (0, 1). */
export function gumbel(token: number, position: number, seed: number): number {
  const uniform = f32(f32(f32(hash(token, position, seed)) + 0.5) * f32(2.3283064e-10))
  const u = Math.min(uniform, f32(0.99999994))
  const series = f32(u * fma(u, fma(u, fma(u, 0.25, f32(0.33333334)), 0.5), 1))
  return f32(-Math.log(u < 0.03125 ? series : f32(-Math.log(f32(1 - u)))))
}
