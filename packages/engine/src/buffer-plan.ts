/** GPU buffers before they exist. What is planned is what gets allocated, so the two cannot differ. */

export type Pool = 'weights' | 'kv' | 'work'

/** What a buffer is bound or copied as. `readback` is mapped; `timestamps` takes what queries resolve to. */
export type BufferUse = 'storage' | 'uniform' | 'readback' | 'timestamps'

export interface PlannedBuffer {
  label: string
  /** A multiple of 16: kernels read whole vectors. */
  bytes: number
  pool: Pool
  use: BufferUse
}

export type PoolBytes = Record<Pool, number>

export class BufferPlan {
  readonly buffers: PlannedBuffer[] = []

  add(label: string, bytes: number, pool: Pool, use: BufferUse = 'storage'): PlannedBuffer {
    const buffer = { label, bytes: Math.max(16, Math.ceil(bytes / 16) * 16), pool, use }
    this.buffers.push(buffer)
    return buffer
  }
}

export function bytesByPool(buffers: readonly PlannedBuffer[]): PoolBytes {
  const sums: PoolBytes = { weights: 0, kv: 0, work: 0 }
  for (const { pool, bytes } of buffers) sums[pool] += bytes
  return sums
}

export const totalBytes = ({ weights, kv, work }: PoolBytes): number => weights + kv + work

/** The first of the largest; undefined where there are none. */
export function largestBuffer(buffers: readonly PlannedBuffer[], pool?: Pool): PlannedBuffer | undefined {
  return buffers
    .filter(buffer => pool === undefined || buffer.pool === pool)
    .reduce<PlannedBuffer | undefined>(
      (best, each) => (best && best.bytes >= each.bytes ? best : each),
      undefined,
    )
}
