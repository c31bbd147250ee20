/**
 * All GPU buffers of an engine, planned from the headers of its models before a byte of weights is fetched: weights as
 * stored, keys and values, and at most WORK_BUDGET_BYTES to work in. What a device cannot hold is refused with numbers.
 */
import { EngineError } from '@foretoken/errors'
import { BLOCK_SIZE, blocksFor } from '@foretoken/scheduler'
import { paddedColumns } from '@foretoken/weights'
import type { DeviceLimits } from './attention-buffers'
import {
  BufferPlan,
  bytesByPool,
  largestBuffer,
  type PlannedBuffer,
  type PoolBytes,
  totalBytes,
} from './buffer-plan'
import { planTimer, type TimerBuffers } from './gpu-timer'
import { type PlannedHeads, planHeads } from './heads'
import {
  type KvType,
  kvBlockBytes,
  type Numerics,
  type PlannedLlama,
  type PlannedModel,
  planLlamas,
} from './llama-buffers'
import { type PlannedResident, planResident, type Sizes } from './resident'
import { MAX_IN_FLIGHT, type PlannedReadbacks, planReadbacks } from './runner'
import { StepData } from './step-data'
import { maskWords } from './token-masks'
import type { Matrix, MatrixPart, WeightLayout } from './weight-layout'

/** What is planned of a model's weights; where they lie does not matter here. */
interface PlannedWeights extends Pick<WeightLayout, 'buffers'> {
  matrices: ReadonlyMap<string, Pick<Matrix, 'rows' | 'columns'> & { parts: ReadonlyArray<PartPlace> }>
}

type PartPlace = Pick<MatrixPart, 'start' | 'firstRow'>

export interface MemoryRequest extends DeviceLimits {
  /** The target, then its drafts. */
  models: ReadonlyArray<PlannedModel & { layout: PlannedWeights }>
  maxConcurrent: number
  /** Positions per sequence. */
  contextLength: number
  kvType: KvType
  /** Default 'exact'. */
  numerics?: Numerics
  /** Draft tokens of a sequence whose probabilities are kept, where there is a draft; default 0. */
  verificationDepth?: number
  /** KV blocks, where one sequence does with them; enough for all where nothing is said. */
  maxBlocks?: number
  /** Rows may be nodes of draft trees. */
  trees?: boolean
  /** Requests may have a grammar. */
  grammars?: boolean
  /** Medusa heads of the target. */
  heads?: { numHeads: number; layout: PlannedWeights } | undefined
  /** Of all buffers together, where a device has shown that it has no more. */
  maxTotalBytes?: number
  timestamps?: boolean
}

export interface MemoryPlan {
  sizes: Sizes
  stepData: StepData
  resident: PlannedResident
  /** As the models. */
  llamas: PlannedLlama[]
  heads: PlannedHeads | undefined
  readbacks: PlannedReadbacks
  /** One per step in flight, where time is measured. */
  timers: TimerBuffers[]
  /** All buffers, those of the weights included. */
  buffers: readonly PlannedBuffer[]
  bytes: PoolBytes
}

export interface Shortage {
  message: string
  /** The buffer at fault, or the largest of those that are too much together. */
  tensor: string
  /** Bytes. */
  asked: number
  offered: number
}

export const WORK_BUDGET_BYTES = 64e6
/** Keys and values of all layers of both models; more only where a single sequence needs it. */
const KV_BUDGET_BYTES = 512 * 2 ** 20

/**
 * Rows and samples of a pass, the best first: the prefill chunk shrinks before the room for drafts of many sequences.
 * Whole tiles, no fewer than `maxConcurrent` can be, and samples for a draft of MAX_DEPTH.
 */
const PASS_SIZES = [
  [256, 64],
  [128, 64],
  [256, 32],
  [128, 32],
  [64, 32],
  [32, 32],
] as const

/** A single draft has 32 samples: the prefill chunk shrinks last. */
const SIZES_FOR_ONE = [...PASS_SIZES].sort(([rows], [others]) => others - rows)

/** Shapes of a model's kernels that are no matrices, and of as many more as kernels to come may need. */
const OTHER_SHAPES = 64
/** Of one part of a matrix: embedding, whole tiles, tail, each as a part of several dispatches. */
const SHAPES_PER_PART = 8

export interface Planned {
  plan: MemoryPlan
  /** Why the plan cannot be had. */
  shortage: Shortage | undefined
}

/**
 * The largest passes that fit; where none does, fewer sequences at a time, as with a cache that is too small for all:
 * then requests wait for one another. With a shortage the plan is the smallest there is.
 */
export function planMemory(request: MemoryRequest): Planned {
  let last: Planned | undefined
  for (let maxConcurrent = request.maxConcurrent; maxConcurrent >= 1; maxConcurrent >>= 1) {
    for (const [maxRows, maxSamples] of maxConcurrent === 1 ? SIZES_FOR_ONE : PASS_SIZES) {
      const plan = planWith({ ...request, maxConcurrent }, maxRows, maxSamples)
      last = { plan, shortage: shortageOf(plan, request.maxBufferBytes) }
      if (!last.shortage) return { plan, shortage: totalShortageOf(plan, request.maxTotalBytes) }
    }
  }
  return last!
}

/** The greatest contextLength that a plan can be had for, everything else as requested. 0 if there is none. */
export function largestContextThatFits(request: MemoryRequest): number {
  const trained = request.models[0]!.config.context
  const lengthOf = (blocks: number) => Math.min(trained, blocks * BLOCK_SIZE)
  const fits = (blocks: number) => !planMemory({ ...request, contextLength: lengthOf(blocks) }).shortage
  let fitting = 0
  let tooMany = blocksFor(trained) + 1
  while (tooMany - fitting > 1) {
    const middle = (fitting + tooMany) >> 1
    if (fits(middle)) fitting = middle
    else tooMany = middle
  }
  return lengthOf(fitting)
}

/** Bytes that one position of one sequence takes in the caches of all models. */
export function kvBytesPerPosition({ models, kvType }: Pick<MemoryRequest, 'models' | 'kvType'>): number {
  const perBlock = models.map(({ config }) => config.layers * kvBlockBytes(config, kvType))
  return perBlock.reduce((sum, bytes) => sum + bytes, 0) / BLOCK_SIZE
}

/** The error for a plan that cannot be had. */
export function outOfMemory(request: MemoryRequest, plan: MemoryPlan, shortage: Shortage): EngineError {
  const { message, ...numbers } = shortage
  const largestContext = largestContextThatFits(request)
  const advice =
    largestContext > 0 ? `A contextLength of ${largestContext} would fit.` : 'No contextLength would fit.'
  const { label, bytes } = largestBuffer(plan.buffers, 'weights')!
  return new EngineError('out-of-memory', `${message} ${advice}`, {
    ...numbers,
    pools: plan.bytes,
    largestTensor: { tensor: label, bytes },
    contextLength: request.contextLength,
    largestContextThatFits: largestContext,
  })
}

function planWith(request: MemoryRequest, maxRows: number, maxSamples: number): MemoryPlan {
  const { models, maxConcurrent, contextLength, verificationDepth = 0, timestamps } = request
  const { trees = false, grammars = false, heads, numerics = 'exact' } = request
  const sizes: Sizes = {
    maxConcurrent,
    contextLength,
    vocab: models[0]!.config.vocab,
    numBlocks: numBlocks(request),
    maxRows,
    maxSamples,
    verificationDepth: models.length > 1 ? verificationDepth : 0,
    maskWords: grammars ? maskWords(models[0]!.config.vocab) : 0,
  }
  const plan = new BufferPlan()
  const numDrafts = models.length - 1
  const stepData = new StepData({ ...sizes, numDrafts, hasHeads: heads !== undefined, trees })
  const resident = planResident(plan, sizes, stepData, numShapes(request))
  const llamas = planLlamas(plan, models, sizes, { ...request, numerics })
  const plannedHeads = heads && planHeads(plan, models[0]!.config.dim, sizes, heads.numHeads)
  const stride = paddedColumns(models[0]!.config.vocab)
  const readbacks = planReadbacks(plan, resident, sizes, stride)
  const timers = Array.from({ length: timestamps ? MAX_IN_FLIGHT : 0 }, () => planTimer(plan))
  const weights = [...models, ...(heads ? [heads] : [])].flatMap(({ layout }) => layout.buffers)
  const buffers = [...plan.buffers, ...weights]
  const planned = { sizes, stepData, resident, llamas, heads: plannedHeads, readbacks, timers }
  return { ...planned, buffers, bytes: bytesByPool(buffers) }
}

/** Enough for one sequence; for all of them where budget and device allow it. */
function numBlocks(request: MemoryRequest): number {
  const { models, maxConcurrent, contextLength, kvType, maxBufferBytes, maxBlocks } = request
  const perSequence = blocksFor(contextLength)
  const largestLayer = Math.max(...models.map(({ config }) => kvBlockBytes(config, kvType)))
  const affordable = Math.floor(KV_BUDGET_BYTES / (kvBytesPerPosition(request) * BLOCK_SIZE))
  const bindable = Math.floor(maxBufferBytes / largestLayer)
  return Math.max(perSequence, Math.min(maxBlocks ?? maxConcurrent * perSequence, affordable, bindable))
}

/** Layers that are alike share their shapes. */
function numShapes({ models, heads }: MemoryRequest): number {
  let sum = heads ? OTHER_SHAPES + SHAPES_PER_PART * heads.numHeads : 0
  for (const { layout } of models) {
    const distinct = new Set<string>()
    for (const { rows, columns, parts } of layout.matrices.values()) {
      for (const { start, firstRow } of parts) distinct.add([rows, columns, start, firstRow].join())
    }
    sum += OTHER_SHAPES + SHAPES_PER_PART * distinct.size
  }
  return sum
}

function shortageOf({ buffers, bytes, sizes }: MemoryPlan, maxBufferBytes: number): Shortage | undefined {
  // What is not storage is bound in small pieces, or not at all.
  const largest = largestBuffer(buffers.filter(({ use }) => use === 'storage'))!
  if (largest.bytes > maxBufferBytes) {
    const what = largest.pool === 'kv' ? ` for ${sizes.contextLength} positions` : ''
    return {
      message: `"${largest.label}"${what} needs ${largest.bytes} bytes in one buffer; this device binds at most ${maxBufferBytes}.`,
      tensor: largest.label,
      asked: largest.bytes,
      offered: maxBufferBytes,
    }
  }
  if (bytes.work <= WORK_BUDGET_BYTES) return undefined
  const tensor = largestBuffer(buffers, 'work')!.label
  return {
    message: `The working buffers need ${bytes.work} bytes, most of them "${tensor}"; ${WORK_BUDGET_BYTES} are allowed.`,
    tensor,
    asked: bytes.work,
    offered: WORK_BUDGET_BYTES,
  }
}

/** Nothing is made smaller for it: the next load knows nothing of what this device has left. */
function totalShortageOf({ buffers, bytes }: MemoryPlan, offered?: number): Shortage | undefined {
  const asked = totalBytes(bytes)
  if (offered === undefined || asked <= offered) return undefined
  const message = `${asked} bytes are needed; the device has ${offered}.`
  return { message, tensor: largestBuffer(buffers)!.label, asked, offered }
}
