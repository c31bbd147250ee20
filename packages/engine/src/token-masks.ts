/** What grammars allow at each row of a step, as shaders/mask-logits.wgsl reads it: a bit for each token. */
import type { Pass } from '@foretoken/scheduler'
import { adjustsLogits } from './adjustments'

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

/** Whether the sampler sees others than the model's own. */
export const changesLogits = (pass: Pass): boolean => adjustsLogits(pass) || isConstrained(pass)
