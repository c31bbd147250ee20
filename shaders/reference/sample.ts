/**
 * One token per sample: argmax(logit / T + g(seed, position, token)) over the tokens that top-k, top-p and min-p
 * keep: sample.wgsl. Where the kernel finds a threshold by radix descent, this sorts.
 */
import { FORBIDDEN } from './mask-logits'
import { DRAFT_STREAM, gumbel, streamSeed } from './noise'
import { MARGINS_AT, NUM_SAMPLES, RESULT_WORDS, SAMPLE_WORDS, SAMPLES_AT, VERIFIED } from './step'
import { bitcastF32, bitcastU32, fma } from './wgsl-builtins'

const MASS_ONE = 2 ** 30
const COLDEST = 1e-5
/** Least key kept, top logit, sum of exp((logit - top) / T) over what is kept. */
export const SUPPORT_WORDS = 4
const f32 = Math.fround

export interface Filters {
  temperature: number
  topK: number
  topP: number
  minP: number
}

export interface SampleSizes {
  vocab: number
  /** A draft model may lack the last of them. */
  targetVocab?: number
  stride: number
  context: number
  /** Draft tokens of a sequence whose probabilities are kept. */
  verificationDepth: number
}

/** What is left beside the tokens: how sure a draft was, and for verify.wgsl what it was drawn by and what the target's filters keep. */
export interface Kept {
  verdicts: Uint32Array // [sequences, RESULT_WORDS]
  draftProbs: Float32Array // [sequences, verificationDepth, targetVocab]
  supports: Uint32Array // [samples, SUPPORT_WORDS]
}

export function sample(
  step: Uint32Array,
  logits: Float32Array, // [samples, stride]
  sampled: Uint32Array, // [samples]
  history: Uint32Array, // [sequences, context]
  { verdicts, draftProbs, supports }: Kept,
  { vocab, targetVocab = vocab, stride, context, verificationDepth }: SampleSizes,
): void {
  for (let s = 0; s < step[NUM_SAMPLES]!; s++) {
    const record = step.subarray(step[SAMPLES_AT]! + s * SAMPLE_WORDS)
    const [, sequence, position, , , , , ownSeed, left, flags, length] = record as unknown as number[]
    const filters = filtersOf(record)
    const isVerified = (flags! & VERIFIED) !== 0
    const numLeft = left! & 0xff
    const leftAt = position! + ((left! >> 8) & 0xff)
    const isDraft = numLeft > 0
    const seed = isDraft && isVerified ? streamSeed(DRAFT_STREAM, length!, ownSeed!) : ownSeed!
    const row = logits.subarray(s * stride, s * stride + vocab)
    const tokens = drawBest(row, position!, seed, filters, Math.max(1, numLeft))
    sampled[s] = tokens[0]!
    for (let rank = 0; rank < numLeft && leftAt + rank < context; rank++) {
      history[sequence! * context + leftAt + rank] = tokens[rank]!
    }
    if (isDraft) {
      const place = MARGINS_AT + position! - length! + ((left! >> 16) & 0xff)
      verdicts[sequence! * RESULT_WORDS + place] = bitcastU32(marginOf(row))
    }
    if (!isVerified || filters.temperature <= COLDEST) continue
    const support = supportOf(row, filters)
    const place = (sequence! * verificationDepth + position! - length!) * targetVocab
    if (isDraft) {
      draftProbs.fill(0, place, place + targetVocab)
      draftProbs.set(probabilities(row, support, filters.temperature), place)
    } else
      supports.set([support.atLeast, bitcastU32(support.top), bitcastU32(support.total)], s * SUPPORT_WORDS)
  }
}

export function filtersOf(record: Uint32Array): Filters {
  const [, , , temperature, topK, topP, minP] = record as unknown as number[]
  const [t, p, m] = [temperature!, topP!, minP!].map(bitcastF32)
  return { temperature: t!, topK: topK!, topP: p!, minP: m! }
}

/** The token of one sample. */
export const draw = (logits: Float32Array, position: number, seed: number, filters: Filters): number =>
  drawBest(logits, position, seed, filters, 1)[0]!

/** The best tokens of one sample; where the filters keep fewer, the last id stands for the rest. */
export function drawBest(
  logits: Float32Array,
  position: number,
  seed: number,
  filters: Filters,
  count: number,
): number[] {
  const isCold = filters.temperature <= COLDEST
  const left = isCold ? logits.slice() : scores(logits, position, seed, filters)
  return Array.from({ length: count }, () => {
    const best = argmax(left)
    const token = left[best] === Number.NEGATIVE_INFINITY ? logits.length - 1 : best
    left[best] = Number.NEGATIVE_INFINITY
    return token
  })
}

/** (logit - top) / T + g; what the filters remove has -Infinity. */
export function scores(logits: Float32Array, position: number, seed: number, filters: Filters): Float32Array {
  const { atLeast, top } = supportOf(logits, filters)
  return logits.map((value, token) =>
    keyOf(value) >= atLeast
      ? f32(f32(value - top) / filters.temperature) + gumbel(token, position, seed)
      : Number.NEGATIVE_INFINITY,
  )
}

/** What the filters keep: tokens whose key is not below `atLeast`. Their weights are exp((logit - top) / T). */
export interface Support {
  atLeast: number
  top: number
  total: number
}

export function supportOf(logits: Float32Array, { temperature, topK, topP, minP }: Filters): Support {
  const vocab = logits.length
  const top = logits[argmax(logits)]!
  const weights = (from: number) => logits.map(value => weightOf(value, { atLeast: from, top }, temperature))
  const sum = (values: Float32Array) => values.reduce((a, b) => f32(a + b), 0)
  let atLeast = keyOf(FORBIDDEN) + 1
  if (topK > 0 && topK < vocab) {
    atLeast = threshold(
      logits,
      atLeast,
      () => 1,
      () => topK,
    )
  }
  if (topP < 1) {
    const total = sum(weights(atLeast))
    const mass = (value: number) =>
      Math.floor(f32(f32(weightOf(value, { atLeast: 0, top }, temperature) / total) * MASS_ONE) + 0.5)
    const wanted = (all: number) => Math.min(Math.max(Math.ceil(f32(f32(all) * topP)), 1), all)
    atLeast = threshold(logits, atLeast, mass, wanted)
  }
  if (minP > 0) atLeast = Math.max(atLeast, keyOf(fma(temperature, f32(Math.log(minP)), top)))
  atLeast = Math.min(atLeast, keyOf(top))
  return { atLeast, top, total: sum(weights(atLeast)) }
}

function weightOf(value: number, { atLeast, top }: Omit<Support, 'total'>, temperature: number): number {
  return keyOf(value) >= atLeast ? f32(Math.exp(f32(f32(value - top) / temperature))) : 0
}

export function probabilities(logits: Float32Array, support: Support, temperature: number): Float32Array {
  return logits.map(value => f32(weightOf(value, support, temperature) / support.total))
}

/** How far the best logit is above the next one. */
export function marginOf(logits: Float32Array): number {
  const best = argmax(logits)
  const others = logits.filter((_, token) => token !== best)
  return logits[best]! - others[argmax(others)]!
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
