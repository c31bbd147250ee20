/** A model's tensors on the GPU, streamed there group by group as the file arrives, quantised as they are. */
import { EngineError, throwIfAborted } from '@foretoken/errors'
import {
  type GgufReader,
  packedSize,
  packRows,
  paddedRows,
  type TensorInfo,
  toFloat32,
} from '@foretoken/weights'
import type { Gpu } from './gpu'
import type { ModelConfig } from './model-config'

/** A matrix [rows, columns] in the layout that kernels unpack. Several may lie in the same buffers. */
export interface Matrix {
  format: TensorInfo['type']
  rows: number
  columns: number
  /** Where the matrix begins in its buffers, in rows: a whole number of tiles. */
  firstRow: number
  quants: GPUBuffer
  scales: GPUBuffer
}

export interface LayerWeights {
  attnNorm: GPUBuffer
  q: Matrix
  k: Matrix
  v: Matrix
  output: Matrix
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
  /** Divisors of the RoPE frequencies, where the file has them (Llama 3.1). */
  ropeFactors: Float32Array | undefined
  numParameters: number
}

/** Uploads held in flight before the queue is awaited: bounds the staging memory. */
const FLUSH_BYTES = 64 * 2 ** 20

/** Reads the rest of the file into GPU buffers. */
export async function uploadWeights(
  gpu: Gpu,
  reader: GgufReader,
  config: ModelConfig,
  signal?: AbortSignal,
): Promise<ModelWeights> {
  const tensors = new Map(reader.tensors.map(tensor => [tensor.name, tensor]))
  const expected = expectedTensors(config, tensors)
  checkTensors(expected, tensors)
  const matrices = new Map<string, Matrix>()
  const vectors = new Map<string, Float32Array>()
  await gpu.allocating(() => {
    for (const tensor of reader.tensors) {
      if (tensor.rows === 1 && expected.get(tensor.name)!.length === 1)
        vectors.set(tensor.name, new Float32Array(tensor.columns))
      else if (!matrices.has(tensor.name))
        allocate(gpu, neighbours(tensor, tensors)).forEach(
          ([name, matrix]) => void matrices.set(name, matrix),
        )
    }
  })

  let pending = 0
  for await (const { tensor, firstRow, numRows, data } of reader.rows()) {
    throwIfAborted(signal, 'upload')
    const matrix = matrices.get(tensor.name)
    if (!matrix) {
      vectors.get(tensor.name)!.set(toFloat32(tensor.type, data, numRows * tensor.columns))
      continue
    }
    const { quants, scales } = packRows(tensor.type, tensor.columns, data)
    const before = packedSize(tensor.type, matrix.firstRow + firstRow, tensor.columns)
    gpu.device.queue.writeBuffer(matrix.quants, before.quantBytes, quants)
    if (scales.length > 0) gpu.device.queue.writeBuffer(matrix.scales, before.scaleBytes, scales)
    pending += data.byteLength
    if (pending >= FLUSH_BYTES) {
      pending = 0
      await gpu.device.queue.onSubmittedWorkDone()
    }
  }
  return assemble(gpu, config, matrices, vectors, reader.tensors)
}

/** Shapes by name: [rows, columns] of a matrix, [columns] of a vector. */
function expectedTensors(config: ModelConfig, found: ReadonlyMap<string, TensorInfo>): Map<string, number[]> {
  const { dim, vocab, ffn, layers } = config
  const qDim = config.heads * config.headDim
  const kvDim = config.kvHeads * config.headDim
  const shapes = new Map<string, number[]>([
    ['token_embd.weight', [vocab, dim]],
    ['output_norm.weight', [dim]],
  ])
  if (found.has('output.weight')) shapes.set('output.weight', [vocab, dim])
  if (found.has('rope_freqs.weight')) shapes.set('rope_freqs.weight', [config.rope.dim / 2])
  for (let i = 0; i < layers; i++) {
    const layer: Record<string, number[]> = {
      attn_norm: [dim],
      attn_q: [qDim, dim],
      attn_k: [kvDim, dim],
      attn_v: [kvDim, dim],
      attn_output: [dim, qDim],
      ffn_norm: [dim],
      ffn_gate: [ffn, dim],
      ffn_up: [ffn, dim],
      ffn_down: [dim, ffn],
    }
    for (const [name, shape] of Object.entries(layer)) shapes.set(`blk.${i}.${name}.weight`, shape)
  }
  return shapes
}

function checkTensors(expected: ReadonlyMap<string, number[]>, found: ReadonlyMap<string, TensorInfo>): void {
  for (const [tensor, shape] of expected) {
    const info = found.get(tensor)
    if (!info)
      throw new EngineError('bad-model', `Tensor "${tensor}" is missing.`, {
        tensor,
        expected: shape,
        found: null,
      })
    const [rows, columns] = shape.length === 2 ? shape : [1, shape[0]]
    if (info.rows === rows && info.columns === columns) continue
    throw new EngineError(
      'bad-model',
      `Tensor "${tensor}" is ${info.rows} x ${info.columns}; the metadata say ${rows} x ${columns}.`,
      { tensor, expected: [rows, columns], found: [info.rows, info.columns], offset: info.offset },
    )
  }
  const extra = [...found.keys()].find(name => !expected.has(name))
  if (extra === undefined) return
  // A bias that is left out would give wrong text without a word.
  throw new EngineError('bad-model', `Tensor "${extra}" has no place in this architecture.`, {
    tensor: extra,
  })
}

/** Matrices that one dispatch multiplies, in the order of their outputs. */
const fused = [
  ['attn_q', 'attn_k', 'attn_v'],
  ['ffn_gate', 'ffn_up'],
]

/** The tensors that share their buffers with this one: those fused with it, if all are of one type. */
function neighbours(tensor: TensorInfo, tensors: ReadonlyMap<string, TensorInfo>): TensorInfo[] {
  const [, prefix, kind] = /^(blk\.\d+\.)(\w+)\.weight$/.exec(tensor.name) ?? []
  const kinds = fused.find(group => group.includes(kind!))
  if (!kinds) return [tensor]
  const group = kinds.map(name => tensors.get(`${prefix}${name}.weight`)!)
  return group.every(({ type }) => type === tensor.type) ? group : [tensor]
}

function allocate(gpu: Gpu, group: readonly TensorInfo[]): Array<[string, Matrix]> {
  const { type, columns } = group[0]!
  const label = group.map(({ name }) => name).join(', ')
  const allRows = group.reduce((sum, { rows }) => sum + paddedRows(rows), 0)
  const { quantBytes, scaleBytes } = packedSize(type, allRows, columns)
  const quants = gpu.buffer(label, quantBytes, 'weights')
  const scales = gpu.buffer(`${label} scales`, scaleBytes, 'weights')
  let firstRow = 0
  return group.map(({ name, rows }) => {
    const matrix = { format: type, rows, columns, firstRow, quants, scales }
    firstRow += paddedRows(rows)
    return [name, matrix]
  })
}

function assemble(
  gpu: Gpu,
  config: ModelConfig,
  matrices: ReadonlyMap<string, Matrix>,
  vectors: ReadonlyMap<string, Float32Array>,
  tensors: readonly TensorInfo[],
): ModelWeights {
  const matrix = (name: string): Matrix => matrices.get(`${name}.weight`)!
  const vector = (name: string): GPUBuffer => {
    const values = vectors.get(`${name}.weight`)!
    const buffer = gpu.buffer(name, values.byteLength, 'weights')
    gpu.device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>)
    return buffer
  }
  return {
    embedding: matrix('token_embd'),
    outputNorm: vector('output_norm'),
    head: matrices.get('output.weight') ?? matrix('token_embd'),
    ropeFactors: vectors.get('rope_freqs.weight'),
    numParameters: tensors.reduce((sum, { rows, columns }) => sum + rows * columns, 0),
    layers: Array.from({ length: config.layers }, (_, i) => ({
      attnNorm: vector(`blk.${i}.attn_norm`),
      q: matrix(`blk.${i}.attn_q`),
      k: matrix(`blk.${i}.attn_k`),
      v: matrix(`blk.${i}.attn_v`),
      output: matrix(`blk.${i}.attn_output`),
      ffnNorm: vector(`blk.${i}.ffn_norm`),
      gate: matrix(`blk.${i}.ffn_gate`),
      up: matrix(`blk.${i}.ffn_up`),
      down: matrix(`blk.${i}.ffn_down`),
    })),
  }
}
