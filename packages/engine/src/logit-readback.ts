/** Whole rows of logits brought back, for scoring and checks: in slices, so that few of them need a place. */
import type { BufferPlan, PlannedBuffer } from './buffer-plan'

const MAX_BYTES = 4 * 2 ** 20

export function planLogitReadback(plan: BufferPlan, numRows: number, stride: number): PlannedBuffer {
  const rowsPerSlice = Math.min(numRows, Math.max(1, Math.floor(MAX_BYTES / (stride * 4))))
  return plan.add('logits readback', rowsPerSlice * stride * 4, 'work', 'readback')
}

export class LogitReadback {
  readonly #device: GPUDevice
  readonly #logits: GPUBuffer // [samples, stride]
  readonly #stride: number
  readonly #staging: GPUBuffer

  constructor(device: GPUDevice, logits: GPUBuffer, stride: number, staging: GPUBuffer) {
    this.#device = device
    this.#logits = logits
    this.#stride = stride
    this.#staging = staging
  }

  /** The first rows of the last pass: [rows, stride]. */
  async read(numRows: number): Promise<Float32Array> {
    const rowBytes = this.#stride * 4
    const sliceBytes = Math.floor(this.#staging.size / rowBytes) * rowBytes
    const all = new Float32Array(numRows * this.#stride)
    for (let at = 0; at < all.byteLength; at += sliceBytes) {
      const bytes = Math.min(sliceBytes, all.byteLength - at)
      const encoder = this.#device.createCommandEncoder()
      encoder.copyBufferToBuffer(this.#logits, at, this.#staging, 0, bytes)
      this.#device.queue.submit([encoder.finish()])
      await this.#staging.mapAsync(GPUMapMode.READ, 0, bytes)
      all.set(new Float32Array(this.#staging.getMappedRange(0, bytes)), at / 4)
      this.#staging.unmap()
    }
    return all
  }
}
