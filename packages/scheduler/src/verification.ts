/** Which drafts can be judged by probabilities, and how far. */
import { isTreeMethod } from './estimates'
import { isDraftModel, MAX_DEPTH, MAX_NODES, type Method } from './policy'
import type { SequenceRequest } from './sequence'

/** How drafts are judged: by equal samples, or by the probabilities of target and draft (speculation.md, section 7). */
export type Verification = 'shared-noise' | 'rejection' | 'block'

/**
 * Draft tokens of a method that a request's verification can judge. Samples can judge all. Of the probabilities that the
 * other rules need, a draft model's are kept for `verificationDepth` tokens, and what a lookup finds has none but
 * 1. Of trees and heads there are none, and what a cache of all conversations holds must not change anyone's ids.
 * A grammar walks along a chain, and along no tree.
 */
export function verifiableDepth(
  { verification, constraint }: SequenceRequest,
  method: Method,
  verificationDepth: number,
): number {
  if (constraint && isTreeMethod(method)) return 0
  if (verification === undefined) return isTreeMethod(method) ? MAX_NODES : MAX_DEPTH
  if (method === 'lookup') return MAX_DEPTH
  return isDraftModel(method) ? verificationDepth : 0
}
