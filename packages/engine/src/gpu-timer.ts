/** Time that the GPU spends in a compute pass, by timestamp queries. For benches: it needs an optional feature. */
import type { BufferPlan, PlannedBuffer } from './buffer-plan'
import type { Gpu } from './gpu'

const BYTES = 16

export type TimerBuffers = Record<'resolved' | 'readback', PlannedBuffer>

export function planTimer(plan: BufferPlan): TimerBuffers {
  return {
    resolved: plan.add('timestamps', BYTES, 'work', 'timestamps'),
    readback: plan.add('timestamps readback', BYTES, 'work', 'readback'),
  }
}

export class GpuTimer {
  readonly #queries: GPUQuerySet
  readonly #resolved: GPUBuffer
  readonly #readback: GPUBuffer

  /** Needs a device with timestamp queries. */
  constructor(gpu: Gpu, planned: TimerBuffers) {
    this.#queries = gpu.device.createQuerySet({ type: 'timestamp', count: 2 })
    this.#resolved = gpu.buffer(planned.resolved)
    this.#readback = gpu.buffer(planned.readback)
  }

  get writes(): GPUComputePassTimestampWrites {
    return { querySet: this.#queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
  }

  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0)
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, BYTES)
  }

  /** Milliseconds between the pass's two timestamps. */
  async read(): Promise<number> {
    await this.#readback.mapAsync(GPUMapMode.READ)
    const [begin, end] = new BigUint64Array(this.#readback.getMappedRange())
    const ms = Number(end! - begin!) / 1e6
    this.#readback.unmap()
    return ms
  }
}
