/** Time that the GPU spends in a compute pass, by timestamp queries. For benches: it needs an optional feature. */
import type { Gpu } from './gpu'

const BYTES = 16

export class GpuTimer {
  readonly #queries: GPUQuerySet
  readonly #resolved: GPUBuffer
  readonly #readback: GPUBuffer

  /** Undefined where the device has no timestamp queries. */
  static create(gpu: Gpu): GpuTimer | undefined {
    return gpu.device.features.has('timestamp-query') ? new GpuTimer(gpu) : undefined
  }

  private constructor(gpu: Gpu) {
    this.#queries = gpu.device.createQuerySet({ type: 'timestamp', count: 2 })
    const resolve = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC
    this.#resolved = gpu.buffer('timestamps', BYTES, 'work', resolve)
    const read = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
    this.#readback = gpu.buffer('timestamps readback', BYTES, 'work', read)
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
