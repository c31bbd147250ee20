/**
 * The kernels as data: text, parameters and the kinds of their bindings. A binding of kind `step` is the step data at a
 * dynamic offset: the section of the pass.
 */
import accept from './accept.wgsl?raw'
import activation from './activation.wgsl?raw'
import adjustLogits from './adjust-logits.wgsl?raw'
import attend from './attend.wgsl?raw'
import attendAppend from './attend-append.wgsl?raw'
import attendCached from './attend-cached.wgsl?raw'
import attendData from './attend-data.wgsl?raw'
import draftLogits from './draft-logits.wgsl?raw'
import embed from './embed.wgsl?raw'
import fma from './fma.wgsl?raw'
import gemm from './gemm.wgsl?raw'
import headInput from './head-input.wgsl?raw'
import headState from './head-state.wgsl?raw'
import headWeights from './head-weights.wgsl?raw'
import keepState from './keep-state.wgsl?raw'
import logProbs from './log-probs.wgsl?raw'
import lookup from './lookup.wgsl?raw'
import maskLogits from './mask-logits.wgsl?raw'
import matmul from './matmul.wgsl?raw'
import matmulRows from './matmul-rows.wgsl?raw'
import matmulSplit from './matmul-split.wgsl?raw'
import merge from './merge.wgsl?raw'
import moveKv from './move-kv.wgsl?raw'
import noise from './noise.wgsl?raw'
import place from './place.wgsl?raw'
import product from './product.wgsl?raw'
import quantise from './quantise.wgsl?raw'
import reduce from './reduce.wgsl?raw'
import rmsNorm from './rms-norm.wgsl?raw'
import rope from './rope.wgsl?raw'
import ropeAppend from './rope-append.wgsl?raw'
import sample from './sample.wgsl?raw'
import silu from './silu.wgsl?raw'
import slidingWindow from './sliding-window.wgsl?raw'
import softCap from './soft-cap.wgsl?raw'
import softmaxFold from './softmax-fold.wgsl?raw'
import { type Params, specialise } from './specialise'
import step from './step.wgsl?raw'
import stream from './stream.wgsl?raw'
import support from './support.wgsl?raw'
import twins from './twins.wgsl?raw'
import verify from './verify.wgsl?raw'
import weightFormat from './weight-format.wgsl?raw'

export {
  type AttendModel,
  type AttendShape,
  type AttendVariant,
  attendShape,
  attendTiles,
  chunksOf,
  mergeParams,
  partFloats,
} from './attend-params'
export { type Params, specialise } from './specialise'

export type Binding = 'step' | 'read' | 'write' | 'uniform'

export interface Kernel {
  name: string
  source: string
  bindings: readonly Binding[]
}

const products = step + weightFormat + silu + softCap + activation + product
const productBindings = ['step', 'read', 'read', 'read', 'write', 'uniform'] as const

export const kernels = {
  embed: {
    name: 'embed',
    source: step + weightFormat + twins + embed,
    bindings: ['step', 'read', 'read', 'read', 'write', 'uniform'],
  },
  /** Of a draft model of another vocabulary: TWINS. */
  embedTwins: {
    name: 'embed-twins',
    source: step + weightFormat + twins + embed,
    bindings: ['step', 'read', 'read', 'read', 'write', 'uniform', 'read'],
  },
  draftLogits: {
    name: 'draft-logits',
    source: step + twins + draftLogits,
    bindings: ['step', 'read', 'read', 'write', 'uniform'],
  },
  rmsNorm: {
    name: 'rms-norm',
    source: step + rmsNorm,
    bindings: ['step', 'read', 'read', 'write', 'uniform'],
  },
  matmul: {
    name: 'matmul',
    source: products + matmul,
    bindings: productBindings,
  },
  matmulSplit: {
    name: 'matmul-split',
    source: products + matmulSplit,
    bindings: productBindings,
  },
  matmulRows: {
    name: 'matmul-rows',
    source: products + matmulRows,
    bindings: productBindings,
  },
  /** Behind a norm that they apply themselves: NORM. */
  matmulNorm: {
    name: 'matmul-norm',
    source: products + matmul,
    bindings: [...productBindings, 'read'],
  },
  matmulRowsNorm: {
    name: 'matmul-rows-norm',
    source: products + matmulRows,
    bindings: [...productBindings, 'read'],
  },
  gemm: {
    name: 'gemm',
    source: products + gemm,
    bindings: productBindings,
  },
  quantise: {
    name: 'quantise',
    source: step + quantise,
    bindings: ['step', 'read', 'write', 'uniform'],
  },
  ropeAppend: {
    name: 'rope-append',
    source: step + headWeights + rope + ropeAppend,
    bindings: ['step', 'read', 'write', 'write', 'uniform', 'read'],
  },
  attend: {
    name: 'attend',
    source: step + softmaxFold + slidingWindow + softCap + attendCached + attendData + attend,
    bindings: ['step', 'read', 'read', 'read', 'write', 'uniform', 'write'],
  },
  /** Of rows that are not in the cache yet: it does what rope-append does as well. */
  attendAppending: {
    name: 'attend-appending',
    source:
      step + softmaxFold + slidingWindow + softCap + headWeights + rope + attendAppend + attendData + attend,
    bindings: ['step', 'write', 'write', 'read', 'write', 'uniform', 'write', 'read', 'read'],
  },
  merge: {
    name: 'merge',
    source: step + softmaxFold + slidingWindow + merge,
    bindings: ['step', 'read', 'write', 'uniform'],
  },
  adjustLogits: {
    name: 'adjust-logits',
    source: step + adjustLogits,
    bindings: ['step', 'read', 'read', 'read', 'write', 'uniform'],
  },
  maskLogits: {
    name: 'mask-logits',
    source: step + maskLogits,
    bindings: ['step', 'read', 'write', 'uniform'],
  },
  moveKv: {
    name: 'move-kv',
    source: step + moveKv,
    bindings: ['step', 'read', 'read', 'write', 'uniform'],
  },
  keepState: {
    name: 'keep-state',
    source: step + keepState,
    bindings: ['step', 'read', 'read', 'write', 'uniform'],
  },
  headInput: {
    name: 'head-input',
    source: step + headInput,
    bindings: ['step', 'read', 'write', 'uniform'],
  },
  headState: {
    name: 'head-state',
    source: step + silu + headState,
    bindings: ['step', 'read', 'read', 'write', 'uniform'],
  },
  stream: { name: 'stream', source: stream, bindings: ['read', 'write'] },
  fma: { name: 'fma', source: fma, bindings: ['read', 'write'] },
  place: { name: 'place', source: place, bindings: ['write', 'read', 'read', 'read'] },
  lookup: { name: 'lookup', source: lookup, bindings: ['read', 'read', 'write'] },
  sample: {
    name: 'sample',
    source: step + reduce + noise + support + sample,
    bindings: ['step', 'read', 'write', 'write', 'write', 'write', 'write', 'uniform'],
  },
  verify: {
    name: 'verify',
    source: step + reduce + noise + support + verify,
    bindings: ['step', 'read', 'read', 'read', 'read', 'write', 'uniform'],
  },
  logProbs: {
    name: 'log-probs',
    source: step + reduce + logProbs,
    bindings: ['step', 'read', 'read', 'write', 'uniform'],
  },
  accept: {
    name: 'accept',
    source: step + accept,
    bindings: ['step', 'read', 'write', 'write', 'write', 'write'],
  },
} as const satisfies Record<string, Kernel>

export type KernelName = keyof typeof kernels

/** What is measured of kernels is kept per revision: their texts, hashed (FNV-1a). */
export const kernelRevision = hash(Object.values<Kernel>(kernels).map(({ source }) => source))

function hash(texts: readonly string[]): string {
  let value = 0x811c9dc5
  for (const char of texts.join()) value = Math.imul(value ^ char.charCodeAt(0), 0x01000193)
  return (value >>> 0).toString(16)
}

const affine = {
  F32: false,
  NIBBLES: true,
  AFFINE: true,
  GROUP_CHUNKS: 1,
  QUADS: 4,
  QUANTISED: false,
} as const

/** Parameters that unpack a weight format: 16-byte chunks per group of 16 columns, quads of columns per chunk. */
export const formatParams = {
  f32: { F32: true, GROUP_CHUNKS: 4, QUADS: 1, QUANTISED: false },
  f16: { F32: false, F16: true, GROUP_CHUNKS: 2, QUADS: 2, QUANTISED: false },
  bf16: { F32: false, BF16: true, GROUP_CHUNKS: 2, QUADS: 2, QUANTISED: false },
  q8_0: { F32: false, Q8: true, GROUP_CHUNKS: 1, QUADS: 4, QUANTISED: true, WORDS: true },
  q4_0: { F32: false, NIBBLES: true, GROUP_CHUNKS: 1, QUADS: 4, QUANTISED: true, WORDS: true },
  q4_1: { ...affine, OWN_PAIR: true, SCALE_WORDS: 2, SIDE_WORDS: 2 },
  q5_0: { ...affine, OWN_SCALE: true, HIGH_BITS: 1, SCALE_WORDS: 1, SIDE_WORDS: 3 },
  q5_1: { ...affine, OWN_PAIR: true, HIGH_BITS: 1, SCALE_WORDS: 2, SIDE_WORDS: 4 },
  q4_k: { ...affine, SHARED_PAIR: true, SCALE_WORDS: 2, SIDE_WORDS: 2 },
  q5_k: { ...affine, SHARED_PAIR: true, HIGH_BITS: 1, SCALE_WORDS: 2, SIDE_WORDS: 4 },
  q6_k: { ...affine, SHARED_SCALE: true, HIGH_BITS: 2, SCALE_WORDS: 2, SIDE_WORDS: 6 },
} as const satisfies Record<string, Params>

export type WeightFormat = keyof typeof formatParams

/** WGSL's language feature that kernels with INTEGER, and quantise.wgsl, are written in. */
export const INTEGER_FEATURE = 'packed_4x8_integer_dot_product'

/** Whether numbers of this format are int8 or less, so that products of integers can take them. */
export const hasIntegers = (format: WeightFormat): boolean => formatParams[format].GROUP_CHUNKS === 1

/** Parameters, after those of the format, of products of integers: x is what quantise.wgsl makes of it. */
export const integerParams = {
  INTEGER: true,
  QUANTISED: true,
  Quad: 'u32',
  Sum: 'i32',
  XVector: 'vec4<u32>',
  X_VECTORS: 2,
  X_NUMBERS: 1,
} as const satisfies Params

/** Parameters by what becomes of a product's value v: y = v, y += v, y = activation(v) * y. */
export const epilogueParams = {
  set: {},
  add: { ADDS: true },
  gate: { GATES: true },
} as const satisfies Record<string, Params>

export type Epilogue = keyof typeof epilogueParams

/** Bytes that quantise.wgsl makes of a column of x. */
export const QUANTISED_COLUMN_BYTES = 2

export function kernelText(kernel: Kernel, params: Params): string {
  const text = specialise(kernel.source, params)
  return params.SUBGROUPS ? `enable subgroups;\n${text}` : text
}
