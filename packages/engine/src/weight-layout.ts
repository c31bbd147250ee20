/** Where a model's tensors go on the GPU: checked against its shape and laid out from the header alone. */
import { EngineError } from '@foretoken/errors'
import { packedSize, paddedRows, rowsPerTile, type TensorInfo } from '@foretoken/weights'
import { architectureOf, headVectors } from './architectures'
import { BufferPlan, type PlannedBuffer } from './buffer-plan'
import type { ModelConfig } from './model-config'
import { ropeFactorNames } from './rope-table'

/** Rows of a matrix that lie in one pair of buffers, in the layout that kernels unpack. */
export interface MatrixPart<Buffer = GPUBuffer> {
  format: TensorInfo['type']
  rows: number
  columns: number
  /** The first of its rows in the whole matrix. */
  start: number
  /** Where it begins in its buffers, in rows: a whole number of tiles. Matrices that are fused share theirs. */
  firstRow: number
  quants: Buffer
  scales: Buffer
}

/** A matrix [rows, columns], in several parts where a device cannot bind it as a whole. */
export interface Matrix<Buffer = GPUBuffer> {
  rows: number
  columns: number
  /** By ascending `start`; each but the last is a whole number of tiles. */
  parts: ReadonlyArray<MatrixPart<Buffer>>
}

/** A vector of f32, alone in its buffer or behind others that one kernel reads with it. */
export interface VectorPlace {
  buffer: PlannedBuffer
  /** Bytes. */
  offset: number
}

export interface WeightLayout {
  matrices: ReadonlyMap<string, Matrix<PlannedBuffer>>
  vectors: ReadonlyMap<string, VectorPlace>
  /** All of the above. */
  buffers: readonly PlannedBuffer[]
  numParameters: number
}

/** Of tensors of one matrix each. Throws `bad-model` where they are not those of such a model. */
export function planWeights(
  config: ModelConfig,
  tensors: readonly TensorInfo[],
  maxBufferBytes: number,
): WeightLayout {
  const found = new Map(tensors.map(tensor => [tensor.name, tensor]))
  const expected = expectedTensors(config, found)
  checkTensors(expected, found)
  const plan = new BufferPlan()
  const matrices = new Map<string, Matrix<PlannedBuffer>>()
  const vectors = new Map<string, VectorPlace>()
  for (let i = 0; i < config.layers; i++) planHeadVectors(plan, config, i, vectors)
  for (const tensor of tensors) {
    const { name, columns } = tensor
    // Those go into a table on the CPU.
    if (ropeFactorNames.includes(name) || matrices.has(name) || vectors.has(name)) continue
    if (expected.get(name)!.length === 1) {
      vectors.set(name, { buffer: plan.add(name, columns * 4, 'weights'), offset: 0 })
    } else for (const [key, matrix] of layOut(plan, tensor, found, maxBufferBytes)) matrices.set(key, matrix)
  }
  const numParameters = tensors.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
  return { matrices, vectors, buffers: plan.buffers, numParameters }
}

function planHeadVectors(
  plan: BufferPlan,
  config: ModelConfig,
  layer: number,
  vectors: Map<string, VectorPlace>,
): void {
  const all = headVectors(config)
  if (all.length === 0) return
  const bytes = all.reduce((sum, { length }) => sum + length * 4, 0)
  const buffer = plan.add(all.map(({ name }) => `blk.${layer}.${name}`).join(', '), bytes, 'weights')
  let offset = 0
  for (const { name, length } of all) {
    vectors.set(`blk.${layer}.${name}`, { buffer, offset })
    offset += length * 4
  }
}

/** Shapes by name: [rows, columns] of a matrix, [columns] of a vector. */
function expectedTensors(config: ModelConfig, found: ReadonlyMap<string, TensorInfo>): Map<string, number[]> {
  const { dim, vocab, ffn, layers } = config
  const { postNorms } = architectureOf(config)
  const qDim = config.heads * config.headDim
  const kvDim = config.kvHeads * config.headDim
  const shapes = new Map<string, number[]>([
    ['token_embd.weight', [vocab, dim]],
    ['output_norm.weight', [dim]],
  ])
  if (found.has('output.weight')) shapes.set('output.weight', [vocab, dim])
  for (const name of ropeFactorNames) if (found.has(name)) shapes.set(name, [config.rope.dim / 2])
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
      ...(postNorms ? { post_attention_norm: [dim], post_ffw_norm: [dim] } : {}),
    }
    for (const [name, shape] of Object.entries(layer)) shapes.set(`blk.${i}.${name}.weight`, shape)
    for (const { name, length } of headVectors(config)) shapes.set(`blk.${i}.${name}`, [length])
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

/** The tensors that are fused with this one, itself among them, if all are of one type. */
function neighbours(tensor: TensorInfo, tensors: ReadonlyMap<string, TensorInfo>): TensorInfo[] {
  const [, prefix, kind] = /^(blk\.\d+\.)(\w+)\.weight$/.exec(tensor.name) ?? []
  const kinds = fused.find(group => group.includes(kind!))
  if (!kinds) return [tensor]
  const group = kinds.map(name => tensors.get(`${prefix}${name}.weight`)!)
  return group.every(({ type }) => type === tensor.type) ? group : [tensor]
}

/** Fused with its neighbours, alone if that is too much for one buffer, or in parts if that is still too much. */
function layOut(
  plan: BufferPlan,
  tensor: TensorInfo,
  tensors: ReadonlyMap<string, TensorInfo>,
  maxBufferBytes: number,
): Array<[string, Matrix<PlannedBuffer>]> {
  const group = neighbours(tensor, tensors)
  const tiles = group.reduce((sum, { rows }) => sum + paddedRows(rows) / rowsPerTile, 0)
  if (tiles <= maxTilesOf(tensor, maxBufferBytes)) return together(plan, group)
  return [[tensor.name, planMatrix(plan, tensor, maxBufferBytes)]]
}

const maxTilesOf = ({ type, columns }: TensorInfo, maxBufferBytes: number): number =>
  Math.max(1, Math.floor(maxBufferBytes / packedSize(type, rowsPerTile, columns).quantBytes))

function together(plan: BufferPlan, group: readonly TensorInfo[]): Array<[string, Matrix<PlannedBuffer>]> {
  const { type: format, columns } = group[0]!
  const allRows = group.reduce((sum, { rows }) => sum + paddedRows(rows), 0)
  const buffers = planPacked(plan, group.map(({ name }) => name).join(', '), format, allRows, columns)
  let firstRow = 0
  return group.map(({ name, rows }) => {
    const part = { format, rows, columns, start: 0, firstRow, ...buffers }
    firstRow += paddedRows(rows)
    return [name, { rows, columns, parts: [part] }]
  })
}

/** A matrix that shares its buffers with no other: in as few parts as it takes, of about the same size. */
export function planMatrix(
  plan: BufferPlan,
  tensor: TensorInfo,
  maxBufferBytes: number,
): Matrix<PlannedBuffer> {
  const { name, type: format, rows, columns } = tensor
  const maxTiles = maxTilesOf(tensor, maxBufferBytes)
  const tiles = paddedRows(rows) / rowsPerTile
  const rowsPerPart = Math.ceil(tiles / Math.ceil(tiles / maxTiles)) * rowsPerTile
  const parts: Array<MatrixPart<PlannedBuffer>> = []
  for (let start = 0; start < rows; start += rowsPerPart) {
    const partRows = Math.min(rowsPerPart, rows - start)
    const label = partRows === rows ? name : `${name} from row ${start}`
    const buffers = planPacked(plan, label, format, partRows, columns)
    parts.push({ format, rows: partRows, columns, start, firstRow: 0, ...buffers })
  }
  return { rows, columns, parts }
}

function planPacked(
  plan: BufferPlan,
  label: string,
  type: TensorInfo['type'],
  rows: number,
  columns: number,
) {
  const { quantBytes, scaleBytes } = packedSize(type, rows, columns)
  return {
    quants: plan.add(label, quantBytes, 'weights'),
    scales: plan.add(`${label} scales`, scaleBytes, 'weights'),
  }
}
