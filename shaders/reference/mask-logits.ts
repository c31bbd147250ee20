/** Takes the tokens that a request's grammar forbids out of the draw, in place: mask-logits.wgsl. */
import { CONSTRAINED, NUM_SAMPLES, SAMPLE_WORDS, SAMPLES_AT } from './step'

/** Of a token that must not be drawn; the sampler keeps none. */
export const FORBIDDEN = Math.fround(-3e38)

export function maskLogits(
  step: Uint32Array,
  masks: Uint32Array, // [samples, maskWords]
  logits: Float32Array, // [samples, stride]
  { vocab, stride, maskWords }: { vocab: number; stride: number; maskWords: number },
): void {
  for (let s = 0; s < step[NUM_SAMPLES]!; s++) {
    const flags = step[step[SAMPLES_AT]! + s * SAMPLE_WORDS + 9]!
    if (!(flags & CONSTRAINED)) continue
    for (let token = 0; token < vocab; token++) {
      const word = masks[s * maskWords + (token >> 5)]!
      if (!((word >>> (token & 31)) & 1)) logits[s * stride + token] = FORBIDDEN
    }
  }
}
