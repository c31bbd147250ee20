/** What grammars allow at each row of a step, as shaders/mask-logits.wgsl reads it: a bit for each token. */
import type { Pass } from '@foretoken/scheduler'

/** Flag of a sample, beside those of adjustments and verification. */
export const CONSTRAINED = 32

export const maskWords = (vocab: number): number => Math.ceil(vocab / 32)

/** Masks of samples that stand in a run. */
export interface TokenMasks {
  firstSample: number
  words: Uint32Array<ArrayBuffer> // [samples, maskWords]
}

export const isConstrained = ({ samples }: Pass): boolean =>
  samples.some(({ sequence }) => sequence.request.constraint !== undefined)
