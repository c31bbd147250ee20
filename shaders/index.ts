/**
 * The kernels as data: text, parameters and the kinds of their bindings. Binding 0 of every kernel is the step
 * data, at a dynamic offset: the section of the pass.
 */
import accept from './accept.wgsl?raw'
import attend from './attend.wgsl?raw'
import attendData from './attend-data.wgsl?raw'
import embed from './embed.wgsl?raw'
import matmul from './matmul.wgsl?raw'
import merge from './merge.wgsl?raw'
import rmsNorm from './rms-norm.wgsl?raw'
import ropeAppend from './rope-append.wgsl?raw'
import sample from './sample.wgsl?raw'
import siluMul from './silu-mul.wgsl?raw'
import softmaxFold from './softmax-fold.wgsl?raw'
import { type Params, specialise } from './specialise'
import step from './step.wgsl?raw'
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

/** Bump when a kernel's cost or result may change: measured cost tables are kept per revision. */
export const kernelRevision = 4

export const kernels = {
  embed: {
    name: 'embed',
    source: step + weightFormat + embed,
    bindings: ['step', 'read', 'read', 'read', 'write', 'uniform'],
  },
  rmsNorm: {
    name: 'rms-norm',
    source: step + rmsNorm,
    bindings: ['step', 'read', 'read', 'write', 'uniform'],
  },
  matmul: {
    name: 'matmul',
    source: step + weightFormat + matmul,
    bindings: ['step', 'read', 'read', 'read', 'write', 'uniform'],
  },
  ropeAppend: {
    name: 'rope-append',
    source: step + ropeAppend,
    bindings: ['step', 'read', 'write', 'write', 'uniform'],
  },
  attend: {
    name: 'attend',
    source: step + softmaxFold + attendData + attend,
    bindings: ['step', 'read', 'read', 'read', 'write', 'uniform', 'write'],
  },
  merge: {
    name: 'merge',
    source: step + softmaxFold + merge,
    bindings: ['step', 'read', 'write', 'uniform'],
  },
  siluMul: { name: 'silu-mul', source: step + siluMul, bindings: ['step', 'write', 'read', 'uniform'] },
  sample: {
    name: 'sample',
    source: step + sample,
    bindings: ['step', 'read', 'write', 'write', 'uniform'],
  },
  accept: { name: 'accept', source: step + accept, bindings: ['step', 'read', 'write', 'write'] },
} as const satisfies Record<string, Kernel>

export type KernelName = keyof typeof kernels

/** Parameters that unpack a weight format: 16-byte groups per block of 32 columns, quads of columns per group. */
export const formatParams = {
  f32: { FORMAT: 0, CHUNKS: 8, QUADS: 1 },
  f16: { FORMAT: 1, CHUNKS: 4, QUADS: 2 },
  bf16: { FORMAT: 2, CHUNKS: 4, QUADS: 2 },
  q8_0: { FORMAT: 3, CHUNKS: 2, QUADS: 4 },
  q4_0: { FORMAT: 4, CHUNKS: 1, QUADS: 8 },
} as const satisfies Record<string, Params>

export type WeightFormat = keyof typeof formatParams

export function kernelText(kernel: Kernel, params: Params): string {
  return specialise(kernel.source, params)
}
