/** Logit bias and penalties, in place, for the samples whose request has them: adjust-logits.wgsl. */
import { BIASED, NUM_SAMPLES, PENALISED, rowAt, SAMPLE_WORDS, SAMPLES_AT } from './step'
import { bitcastF32, bitcastU32, fma } from './wgsl-builtins'

/** Repetition, presence, frequency, number of biases, then up to 300 pairs of token and bias. */
export const ADJUSTMENT_WORDS = 604
/** The other bits of a count are the output's. */
export const IN_PROMPT = 0x80000000
const f32 = Math.fround

export interface Penalties {
  repetition: number
  presence: number
  frequency: number
}

export interface AdjustmentSizes {
  vocab: number
  stride: number
  context: number
  /** From one sequence's counts to the next's. */
  countStride: number
}

export function adjustLogits(
  step: Uint32Array,
  history: Uint32Array, // [sequences, context]
  counts: Uint32Array, // [sequences, countStride]
  adjustments: Uint32Array, // [sequences, ADJUSTMENT_WORDS]
  logits: Float32Array, // [samples, stride]
  { vocab, stride, context, countStride }: AdjustmentSizes,
): void {
  for (let s = 0; s < step[NUM_SAMPLES]!; s++) {
    const record = step.subarray(step[SAMPLES_AT]! + s * SAMPLE_WORDS)
    const [sequence, position, flags, length] = [record[1]!, record[2]!, record[9]!, record[10]!]
    const request = adjustments.subarray(sequence * ADJUSTMENT_WORDS, (sequence + 1) * ADJUSTMENT_WORDS)
    const row = logits.subarray(s * stride, s * stride + vocab)
    if (flags & BIASED) addBiases(row, request)
    if (!(flags & PENALISED)) continue
    const [repetition, presence, frequency] = Array.from(request.subarray(0, 3), bitcastF32)
    const ahead = history.subarray(sequence * context + length)
    const { mask } = rowAt(step, record[0]!).tree!
    // In a tree the row's ancestors, node i being token i - 1 after the last one.
    const drafted = mask
      ? ahead.filter((_, i) => i < 31 && ((mask >>> (i + 1)) & 1) === 1)
      : ahead.slice(0, position - length)
    for (const [token, value] of row.entries()) {
      const count = drafted.reduce(
        (sum, id) => sum + Number(id === token),
        counts[sequence * countStride + token]!,
      )
      row[token] = penalised(value, count, {
        repetition: repetition!,
        presence: presence!,
        frequency: frequency!,
      })
    }
  }
}

function addBiases(row: Float32Array, request: Uint32Array): void {
  for (let i = 0; i < request[3]!; i++) {
    const [token, bias] = request.subarray(4 + 2 * i)
    if (token! < row.length) row[token!]! += bitcastF32(bias!)
  }
}

/** A logit by what its token's count says. */
export function penalised(value: number, count: number, penalties: Penalties): number {
  if (count === 0) return value
  const { repetition, presence, frequency } = penalties
  const repeated = f32(value > 0 ? value / repetition : value * repetition)
  const inOutput = count % IN_PROMPT
  return inOutput > 0 ? f32(repeated - fma(frequency, inOutput, presence)) : repeated
}

/** One request's words. */
export function adjustmentWords(
  { repetition, presence, frequency }: Penalties,
  biases: readonly (readonly [token: number, bias: number])[],
): number[] {
  const pairs = biases.flatMap(([token, bias]) => [token, bitcastU32(bias)])
  return [...[repetition, presence, frequency].map(bitcastU32), biases.length, ...pairs]
}
