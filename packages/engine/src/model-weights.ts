/** A model's tensors on the GPU, streamed there group by group as the file arrives, quantised as they are. */
import { throwIfAborted } from '@foretoken/errors'
import {
  type ConvertedReader,
  packedSize,
  packRows,
  paddedRows,
  type RowGroup,
  release,
  toFloat32,
} from '@foretoken/weights'
import { headVectors } from './architectures'
import type { PlannedBuffer } from './buffer-plan'
import type { Gpu } from './gpu'
import type { ModelConfig } from './model-config'
import { type RopeFactors, ropeFactorNames } from './rope-table'
import { unstackedRows } from './stacked-tensors'
import type { Matrix, WeightLayout } from './weight-layout'

export interface LayerWeights {
  attnNorm: GPUBuffer
  /** What head-weights.wgsl reads, where the architecture has it. */
  headWeights?: GPUBuffer | undefined
  q: Matrix
  k: Matrix
  v: Matrix
  output: Matrix
  /** Norms of what attention and feed-forward give, where the architecture has them. */
  attnPostNorm?: GPUBuffer | undefined
  ffnPostNorm?: GPUBuffer | undefined
  ffnNorm: GPUBuffer
  gate: Matrix
  up: Matrix
  down: Matrix
}

export interface ModelWeights {
  embedding: Matrix
  layers: LayerWeights[]
  outputNorm: GPUBuffer
  /** The embedding again where the file ties them. */
  head: Matrix
  ropeFactors: RopeFactors
}

/** Uploads held in flight before the queue is awaited: bounds the staging memory. */
const FLUSH_BYTES = 64 * 2 ** 20

/** Reads the rest of a model's file into the buffers that were planned for it. */
export async function uploadWeights(
  gpu: Gpu,
  reader: ConvertedReader,
  config: ModelConfig,
  layout: WeightLayout,
  signal?: AbortSignal,
): Promise<ModelWeights> {
  const rows = () => unstackedRows(config, reader.rows())
  return assemble(config, await uploadTensors(gpu, { rows }, layout, signal))
}

interface Tensors {
  matrices: ReadonlyMap<string, Matrix>
  vectors: ReadonlyMap<string, GPUBuffer>
  ropeFactors: RopeFactors
}

export async function uploadTensors(
  gpu: Gpu,
  reader: { rows(): AsyncIterable<RowGroup> },
  layout: Pick<WeightLayout, 'matrices' | 'vectors'>,
  signal?: AbortSignal,
): Promise<Tensors> {
  const matrices = new Map([...layout.matrices].map(([name, matrix]) => [name, onGpu(matrix, gpu)]))
  const vectors = new Map([...layout.vectors].map(([name, { buffer }]) => [name, gpu.buffer(buffer)]))
  const ropeFactors = new Map<string, Float32Array>()
  let pending = 0
  for await (const group of reader.rows()) {
    throwIfAborted(signal, 'upload')
    const { tensor, data } = group
    const matrix = matrices.get(tensor.name)
    if (matrix) write(gpu, matrix, group)
    else {
      const values = toFloat32(tensor.type, data, tensor.columns)
      if (ropeFactorNames.includes(tensor.name)) ropeFactors.set(tensor.name, values.slice())
      else {
        const { offset } = layout.vectors.get(tensor.name)!
        gpu.device.queue.writeBuffer(vectors.get(tensor.name)!, offset, values)
      }
    }
    pending += data.byteLength
    if (pending >= FLUSH_BYTES) {
      pending = 0
      await gpu.device.queue.onSubmittedWorkDone()
    }
  }
  return { matrices, vectors, ropeFactors }
}

function onGpu({ parts, ...shape }: Matrix<PlannedBuffer>, gpu: Gpu): Matrix {
  return {
    ...shape,
    parts: parts.map(({ quants, scales, ...part }) => {
      return { ...part, quants: gpu.buffer(quants), scales: gpu.buffer(scales) }
    }),
  }
}

/** Packs rows and writes them to the parts that they belong to: all borders are borders of tiles. */
function write({ device }: Gpu, matrix: Matrix, { tensor, firstRow, numRows, data }: RowGroup): void {
  const { type, columns } = tensor
  const packed = packRows(type, columns, data)
  for (const part of matrix.parts) {
    const from = Math.max(firstRow, part.start)
    const to = Math.min(firstRow + numRows, part.start + part.rows)
    if (from >= to) continue
    const source = packedSize(type, from - firstRow, columns)
    const target = packedSize(type, part.firstRow + from - part.start, columns)
    const size = packedSize(type, paddedRows(to - from), columns)
    for (const [kind, bytes] of [
      ['quants', 'quantBytes'],
      ['scales', 'scaleBytes'],
    ] as const) {
      if (size[bytes] === 0) continue
      device.queue.writeBuffer(part[kind], target[bytes], packed[kind], source[bytes] / 4, size[bytes] / 4)
    }
  }
  release(packed.quants)
  release(packed.scales)
}

function assemble(config: ModelConfig, { matrices, vectors, ropeFactors }: Tensors): ModelWeights {
  const matrix = (name: string): Matrix => matrices.get(`${name}.weight`)!
  const maybe = (name: string): GPUBuffer | undefined => vectors.get(`${name}.weight`)
  const vector = (name: string): GPUBuffer => maybe(name)!
  const firstOfHeads = headVectors(config)[0]?.name
  return {
    embedding: matrix('token_embd'),
    outputNorm: vector('output_norm'),
    head: matrices.get('output.weight') ?? matrix('token_embd'),
    ropeFactors,
    layers: Array.from({ length: config.layers }, (_, i) => ({
      attnNorm: vector(`blk.${i}.attn_norm`),
      headWeights: vectors.get(`blk.${i}.${firstOfHeads}`),
      q: matrix(`blk.${i}.attn_q`),
      k: matrix(`blk.${i}.attn_k`),
      v: matrix(`blk.${i}.attn_v`),
      output: matrix(`blk.${i}.attn_output`),
      attnPostNorm: maybe(`blk.${i}.post_attention_norm`),
      ffnPostNorm: maybe(`blk.${i}.post_ffw_norm`),
      ffnNorm: vector(`blk.${i}.ffn_norm`),
      gate: matrix(`blk.${i}.ffn_gate`),
      up: matrix(`blk.${i}.ffn_up`),
      down: matrix(`blk.${i}.ffn_down`),
    })),
  }
}
