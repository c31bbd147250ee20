/**
 * What stays on the GPU between steps, shared by target and draft: token ids and their counts, block tables, samples,
 * verdicts.
 */
import { BLOCK_SIZE, blocksFor } from '@foretoken/scheduler'
import { ADJUSTMENT_WORDS } from './adjustments'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import type { Gpu } from './gpu'
import { LOG_PROB_WORDS } from './log-probs'
import { planShapes, ShapeArena } from './shape-arena'
import type { StepData } from './step-data'
import { SUPPORT_WORDS } from './verification'

/** Per sequence: number of tokens, accepted drafts, stopped, drafts, then the tokens. */
export const RESULT_WORDS = 48
/** Of a tree: the nodes that the tokens were sampled at, four to a word. */
export const PATH_AT = 24
/** Of a chain that a net drew: how far its best logit was above the next one, for each token. */
export const MARGINS_AT = 32

export interface Sizes {
  maxConcurrent: number
  contextLength: number
  /** Token ids: the target's. */
  vocab: number
  /** KV blocks of BLOCK_SIZE positions, in each model's cache. */
  numBlocks: number
  /** Rows and samples of one pass; multiples of the largest tile, which reads whole tiles. */
  maxRows: number
  maxSamples: number
  /** Draft tokens of a sequence whose probabilities are kept. */
  verificationDepth: number
  /** Words of a row's mask of allowed tokens; 0 where no request may have a grammar. */
  maskWords: number
}

/** Arrays that several kernels share. */
interface Shared<Buffer> {
  step: Buffer
  history: Buffer // [sequences, context]
  blocks: Buffer // [sequences, blocks per sequence]
  lengths: Buffer // [sequences] committed tokens
  places: Buffer // what place.wgsl is to do: number, then three words each
  lookups: Buffer // what lookup.wgsl is to do: number, then sequence and depth each
  sampled: Buffer // [samples]
  verdicts: Buffer // [sequences, RESULT_WORDS]
  counts: Buffer // [sequences, vocab]
  adjustments: Buffer // [sequences, ADJUSTMENT_WORDS]
  logProbs: Buffer // [samples, LOG_PROB_WORDS]
  supports: Buffer // [samples, SUPPORT_WORDS]
  draftProbs: Buffer // [sequences, verificationDepth, vocab]
}

export interface PlannedResident {
  shared: Shared<PlannedBuffer>
  shapes: PlannedBuffer
  masks: PlannedBuffer | undefined
}

export interface Resident extends Shared<GPUBuffer> {
  sizes: Sizes
  stepBinding: GPUBufferBinding
  shapes: ShapeArena
  /** What grammars allow: [samples, maskWords]. */
  masks: GPUBuffer | undefined
  /** Parameters that every kernel with these arrays takes. */
  params: { CONTEXT: number; VOCAB: number; BLOCKS_PER_SEQUENCE: number; BLOCK: number }
}

export function planResident(
  plan: BufferPlan,
  sizes: Sizes,
  stepData: StepData,
  numShapes: number,
): PlannedResident {
  const { maxConcurrent, contextLength, vocab, maxSamples, verificationDepth, maskWords } = sizes
  const words = (label: string, count: number) => plan.add(label, count * 4, 'work')
  return {
    shared: {
      step: plan.add('step', stepData.bufferBytes, 'work'),
      history: words('history', maxConcurrent * contextLength),
      blocks: words('blocks', maxConcurrent * blocksFor(contextLength)),
      lengths: words('lengths', maxConcurrent),
      places: plan.add('places', stepData.placesBytes, 'work'),
      lookups: words('lookups', 1 + maxConcurrent * 2),
      sampled: words('sampled', maxSamples),
      verdicts: words('verdicts', maxConcurrent * RESULT_WORDS),
      counts: words('token counts', maxConcurrent * vocab),
      adjustments: words('logit adjustments', maxConcurrent * ADJUSTMENT_WORDS),
      logProbs: words('log-probabilities', maxSamples * LOG_PROB_WORDS),
      supports: words('supports', maxSamples * SUPPORT_WORDS),
      draftProbs: words('draft probabilities', maxConcurrent * verificationDepth * vocab),
    },
    shapes: planShapes(plan, numShapes),
    masks: maskWords > 0 ? words('token masks', maxSamples * maskWords) : undefined,
  }
}

export function createResident(
  gpu: Gpu,
  { shared, shapes, masks }: PlannedResident,
  sizes: Sizes,
  stepData: StepData,
): Resident {
  const { contextLength, vocab } = sizes
  const buffers = gpu.buffers(shared)
  return {
    ...buffers,
    sizes,
    stepBinding: { buffer: buffers.step, size: stepData.bindingBytes },
    shapes: new ShapeArena(gpu.device, gpu.buffer(shapes)),
    masks: masks && gpu.buffer(masks),
    params: {
      CONTEXT: contextLength,
      VOCAB: vocab,
      BLOCKS_PER_SEQUENCE: blocksFor(contextLength),
      BLOCK: BLOCK_SIZE,
    },
  }
}
