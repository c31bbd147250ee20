/** Weights of no model: matrices of any shape, side by side in one buffer that caches cannot hold. For benches. */
import { EngineError } from '@foretoken/errors'
import { packedSize, paddedRows } from '@foretoken/weights'
import { BufferPlan } from './buffer-plan'
import type { Gpu } from './gpu'
import type { Matrix, MatrixPart } from './weight-layout'

type Format = MatrixPart['format']

/** Rows of matrices that stand together, as those that one dispatch multiplies do. */
export interface MatrixGroup {
  rows: readonly number[]
  columns: number
}

const CHUNK_WORDS = 2 ** 20
/** Uploads in flight. */
const FLUSH_CHUNKS = 16

export class WeightPool {
  private constructor(
    readonly format: Format,
    readonly quants: GPUBuffer,
    readonly scales: GPUBuffer,
  ) {}

  /** At least `bytes`, and room for the largest of the groups. */
  static async create(gpu: Gpu, format: Format, groups: readonly MatrixGroup[], bytes: number) {
    const sizes = groups.map(group => packedSize(format, groupRows(group), group.columns))
    const quantBytes = Math.max(bytes, ...sizes.map(size => size.quantBytes))
    const scaleShare = Math.max(...sizes.map(size => size.scaleBytes / size.quantBytes))
    const plan = new BufferPlan()
    const quants = plan.add('weight pool', quantBytes, 'weights')
    const scales = plan.add('weight pool scales', quantBytes * scaleShare, 'weights')
    const refused = await gpu.allocate(plan.buffers)
    if (refused) throw new EngineError('out-of-memory', refused.message, { ...refused })
    const pool = new WeightPool(format, gpu.buffer(quants), gpu.buffer(scales))
    await fill(gpu, pool.quants)
    await fill(gpu, pool.scales)
    return pool
  }

  /** Groups that fit into the pool without sharing memory. */
  capacity(group: MatrixGroup): number {
    return Math.floor(this.quants.size / packedSize(this.format, groupRows(group), group.columns).quantBytes)
  }

  /** The matrices of the group's i-th copy; beyond the capacity the first comes again. */
  matrices(group: MatrixGroup, i: number): Matrix[] {
    const { format, quants, scales } = this
    let firstRow = (i % this.capacity(group)) * groupRows(group)
    return group.rows.map(rows => {
      const { columns } = group
      const part = { format, rows, columns, start: 0, firstRow, quants, scales }
      firstRow += paddedRows(rows)
      return { rows, columns, parts: [part] }
    })
  }
}

const groupRows = ({ rows }: MatrixGroup): number => rows.reduce((sum, count) => sum + paddedRows(count), 0)

/** Words that mean harmless numbers in every format: as halves 0.125 to 2 and their negatives. */
export async function fill(gpu: Gpu, buffer: GPUBuffer): Promise<void> {
  const chunk = new Uint32Array(Math.min(CHUNK_WORDS, buffer.size / 4))
  let state = 1
  for (let i = 0; i < chunk.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    chunk[i] = ((state ^ (state >>> 15)) & 0x8fff8fff) | 0x30003000
  }
  for (let at = 0, n = 1; at < buffer.size; at += chunk.byteLength, n++) {
    const length = Math.min(chunk.length, (buffer.size - at) / 4)
    gpu.device.queue.writeBuffer(buffer, at, chunk, 0, length)
    if (n % FLUSH_CHUNKS === 0) await gpu.device.queue.onSubmittedWorkDone()
  }
  await gpu.device.queue.onSubmittedWorkDone()
}
