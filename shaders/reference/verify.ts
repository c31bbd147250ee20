/** Judges drafts by probabilities, and rewrites what was sampled so that the verdict follows from it: verify.wgsl. */
import { NONE } from './accept'
import { ACCEPT_STREAM, gumbel, streamSeed, uniformNoise } from './noise'
import { filtersOf, probabilities, SUPPORT_WORDS } from './sample'
import { DRAWN, NUM_VERDICTS, SAMPLE_WORDS, SAMPLES_AT, VERDICT_WORDS, VERDICTS_AT, VERIFIED } from './step'
import { verify as judge } from './verification'
import { bitcastF32 } from './wgsl-builtins'

export interface VerifySizes {
  vocab: number
  stride: number
  context: number
  verificationDepth: number
  /** Added to the noise of acceptance, to see what is decided by rounding. */
  nudge?: number
}

export function verify(
  step: Uint32Array,
  logits: Float32Array, // [samples, stride]
  supports: Uint32Array, // [samples, SUPPORT_WORDS]
  draftProbs: Float32Array, // [sequences, verificationDepth, vocab]
  history: Uint32Array, // [sequences, context]
  sampled: Uint32Array, // [samples]
  { vocab, stride, context, verificationDepth, nudge = 0 }: VerifySizes,
): void {
  for (let v = 0; v < step[NUM_VERDICTS]!; v++) {
    const verdict = step.subarray(step[VERDICTS_AT]! + v * VERDICT_WORDS)
    const [sequence, length, firstSample, depth] = verdict as unknown as [number, number, number, number]
    const sample = step.subarray(step[SAMPLES_AT]! + firstSample * SAMPLE_WORDS)
    const [seed, flags] = [sample[7]!, sample[9]!]
    const rule = flags & VERIFIED
    if (rule === 0) continue
    const guessed = [...history.subarray(sequence * context + length).subarray(0, depth)]
    const draft = guessed.includes(NONE) ? guessed.slice(0, guessed.indexOf(NONE)) : guessed

    const pAt = (i: number) => {
      const s = firstSample + i
      const [atLeast, top, total] = supports.subarray(s * SUPPORT_WORDS) as unknown as number[]
      const support = { atLeast: atLeast!, top: bitcastF32(top!), total: bitcastF32(total!) }
      const row = logits.subarray(s * stride, s * stride + vocab)
      return probabilities(row, support, filtersOf(sample).temperature)
    }
    const qAt = (i: number) => {
      const at = (sequence * verificationDepth + i) * vocab
      return flags & DRAWN ? draftProbs.subarray(at, at + vocab) : oneHot(draft[i]!, vocab)
    }
    const acceptSeed = streamSeed(ACCEPT_STREAM, length, seed)
    const noise = draft.map((_, i) => uniformNoise(i, 0, acceptSeed) + nudge)
    const judged = {
      p: Array.from({ length: draft.length + 1 }, (_, i) => pAt(i)),
      q: draft.map((_, i) => qAt(i)),
      draft,
    }
    const { numKept, weights } = judge(rule, judged, noise)
    sampled.set(draft.slice(0, numKept), firstSample)
    if (numKept === draft.length) continue
    const next = drawByWeight(weights, length + numKept, seed)
    if (next !== undefined) sampled[firstSample + numKept] = next
  }
}

const oneHot = (token: number, vocab: number) => new Float32Array(vocab).fill(1, token, token + 1)

function drawByWeight(weights: readonly number[], position: number, seed: number): number | undefined {
  let best: { token: number; score: number } | undefined
  for (const [token, weight] of weights.entries()) {
    if (weight <= 0) continue
    const score = Math.log(weight) + gumbel(token, position, seed)
    if (!best || score > best.score) best = { token, score }
  }
  return best?.token
}
