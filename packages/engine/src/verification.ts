/** What judges a draft by probabilities is told: shaders/sample.wgsl and shaders/verify.wgsl. */
import type { Pass, SequenceRequest } from '@foretoken/scheduler'

/** Flags of a sample, beside those of adjustments. */
const REJECTION = 4
const BLOCK = 8
/** A model drew the draft, and has left the probabilities that it drew with. */
const DRAWN = 16
/** Least key kept, top logit, sum of the weights kept, nothing. */
export const SUPPORT_WORDS = 4

export function verificationFlags({ verification }: SequenceRequest, isDrawn: boolean): number {
  if (verification === undefined) return 0
  return (verification === 'block' ? BLOCK : REJECTION) | (isDrawn ? DRAWN : 0)
}

/** Whether any draft of the pass is judged so. */
export function verifies({ verdicts }: Pass): boolean {
  return verdicts.some(({ sequence, depth }) => depth > 0 && sequence.request.verification !== undefined)
}
