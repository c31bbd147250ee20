/** Which drafts can be judged by probabilities, and how far. */
import { MAX_DEPTH, type Method } from './policy'
import type { SequenceRequest } from './sequence'

/** How drafts are judged: by equal samples, or by the probabilities of target and draft (speculation.md, section 7). */
export type Verification = 'shared-noise' | 'rejection' | 'block'

/**
 * Draft tokens of a method that a request's verification can judge. What a lookup finds has no probabilities but 1; a
 * draft model's are kept for `verificationDepth` tokens.
 */
export function verifiableDepth(
  { verification }: SequenceRequest,
  method: Method,
  verificationDepth: number,
): number {
  return verification === undefined || method === 'lookup' ? MAX_DEPTH : verificationDepth
}
