/**
 * What stays on the GPU between steps, shared by target and draft: token ids and their counts, block tables, samples,
 * verdicts.
 */
import { BLOCK_SIZE, blocksFor } from '@foretoken/scheduler'
import { ADJUSTMENT_WORDS } from './adjustments'
import type { Gpu } from './gpu'
import { LOG_PROB_WORDS } from './log-probs'
import { MAX_PLACES, PLACE_WORDS, type StepData } from './step-data'

/** Per sequence: number of tokens, accepted drafts, stopped, drafts, then the tokens. */
export const RESULT_WORDS = 32

export interface Sizes {
  maxConcurrent: number
  contextLength: number
  /** Token ids: the largest vocabulary of target and draft. */
  vocab: number
  /** KV blocks of BLOCK_SIZE positions, in each model's cache. */
  numBlocks: number
  /** Rows and samples of one pass; multiples of the largest tile, which reads whole tiles. */
  maxRows: number
  maxSamples: number
}

export interface Resident {
  sizes: Sizes
  step: GPUBuffer
  stepBinding: GPUBufferBinding
  history: GPUBuffer // [sequences, context]
  blocks: GPUBuffer // [sequences, blocks per sequence]
  lengths: GPUBuffer // [sequences] committed tokens
  places: GPUBuffer // what place.wgsl is to do: number, then PLACE_WORDS each
  lookups: GPUBuffer // what lookup.wgsl is to do: number, then sequence and depth each
  sampled: GPUBuffer // [samples]
  verdicts: GPUBuffer // [sequences, RESULT_WORDS]
  counts: GPUBuffer // [sequences, vocab]
  adjustments: GPUBuffer // [sequences, ADJUSTMENT_WORDS]
  logProbs: GPUBuffer // [samples, LOG_PROB_WORDS]
  /** Parameters that every kernel with these arrays takes. */
  params: { CONTEXT: number; VOCAB: number; BLOCKS_PER_SEQUENCE: number; BLOCK: number }
}

export function createResident(gpu: Gpu, sizes: Sizes, stepData: StepData): Resident {
  const { maxConcurrent, contextLength, vocab, maxSamples } = sizes
  const step = gpu.buffer('step', stepData.bufferBytes, 'work')
  return {
    sizes,
    step,
    stepBinding: { buffer: step, size: stepData.bindingBytes },
    history: gpu.buffer('history', maxConcurrent * contextLength * 4, 'work'),
    blocks: gpu.buffer('blocks', maxConcurrent * blocksFor(contextLength) * 4, 'work'),
    lengths: gpu.buffer('lengths', maxConcurrent * 4, 'work'),
    places: gpu.buffer('places', (1 + MAX_PLACES * PLACE_WORDS) * 4, 'work'),
    lookups: gpu.buffer('lookups', (1 + maxConcurrent * 2) * 4, 'work'),
    sampled: gpu.buffer('sampled', maxSamples * 4, 'work'),
    verdicts: gpu.buffer('verdicts', maxConcurrent * RESULT_WORDS * 4, 'work'),
    counts: gpu.buffer('token counts', maxConcurrent * vocab * 4, 'work'),
    adjustments: gpu.buffer('logit adjustments', maxConcurrent * ADJUSTMENT_WORDS * 4, 'work'),
    logProbs: gpu.buffer('log-probabilities', maxSamples * LOG_PROB_WORDS * 4, 'work'),
    params: {
      CONTEXT: contextLength,
      VOCAB: vocab,
      BLOCKS_PER_SEQUENCE: blocksFor(contextLength),
      BLOCK: BLOCK_SIZE,
    },
  }
}
