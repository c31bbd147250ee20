/** The device's own speed of reading memory, the yardstick for kernels that read weights. For benches. */
import { EngineError } from '@foretoken/errors'
import { kernels } from '@foretoken/shaders'
import { BufferPlan } from './buffer-plan'
import { Gpu } from './gpu'
import { GpuTimer, planTimer } from './gpu-timer'
import { timePass } from './timed-pass'
import { fill } from './weight-pool'

const WORKGROUP = 256
/** What suits one device best is slower on another. */
const LOADS = [4, 8, 16]
const MEASUREMENTS = 5
/** Beyond a GPU's caches. */
const BYTES = 256 * 2 ** 20
/** Passes over the buffer in one measurement. A CPU takes long enough for one over a part of it. */
const REPEATS = 16
const SOFTWARE_SHARE = 4
/** Dispatches of a measurement, at most. */
const MAX_DISPATCHES = 1024
/** Where a binding may begin. */
const ALIGNMENT = 256

export class StreamProbe {
  readonly #gpu: Gpu
  readonly #words: GPUBuffer
  readonly #sum: GPUBuffer
  readonly #timer: GpuTimer | undefined

  private constructor(gpu: Gpu, words: GPUBuffer, sum: GPUBuffer, timer: GpuTimer | undefined) {
    this.#gpu = gpu
    this.#words = words
    this.#sum = sum
    this.#timer = timer
  }

  /** Opens a device of its own. */
  static async open(): Promise<StreamProbe> {
    const gpu = await Gpu.open({ timestamps: true })
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.limits
    const wanted = gpu.isSoftware ? BYTES / SOFTWARE_SHARE : BYTES
    const bytes = Math.min(wanted, maxStorageBufferBindingSize, maxBufferSize)
    const plan = new BufferPlan()
    const [planned, sum] = [plan.add('streamed', bytes, 'work'), plan.add('sum', 16, 'work')]
    const timing = gpu.device.features.has('timestamp-query') ? planTimer(plan) : undefined
    const refused = await gpu.allocate(plan.buffers)
    if (refused) {
      gpu.destroy()
      throw new EngineError('out-of-memory', refused.message, { ...refused })
    }
    await fill(gpu, gpu.buffer(planned))
    return new StreamProbe(gpu, gpu.buffer(planned), gpu.buffer(sum), timing && new GpuTimer(gpu, timing))
  }

  /**
   * Bytes per second: the best of all variants and measurements. `dispatchBytes`: in dispatches of so many, each of which
   * waits for the one before as products do; absent: in one.
   */
  async bandwidth(dispatchBytes = this.#words.size): Promise<number> {
    const gpu = this.#gpu
    let best = 0
    for (const loads of LOADS) {
      const pipeline = await gpu.pipeline(kernels.stream, { WORKGROUP, LOADS: loads })
      const groupBytes = 16 * WORKGROUP * loads
      const groups = Math.max(1, Math.floor(Math.min(dispatchBytes, this.#words.size) / groupBytes))
      const bindGroups = this.#bindGroups(groups * groupBytes)
      const wanted = gpu.isSoftware ? 1 : REPEATS
      const repeats = Math.max(1, Math.min(wanted, Math.floor(MAX_DISPATCHES / bindGroups.length)))
      const bytes = repeats * bindGroups.length * groups * groupBytes
      for (let i = 0; i < MEASUREMENTS; i++) {
        const ms = await timePass(gpu, this.#timer, pass => {
          pass.setPipeline(pipeline)
          for (let n = 0; n < repeats; n++) {
            for (const bindGroup of bindGroups) {
              pass.setBindGroup(0, bindGroup)
              pass.dispatchWorkgroups(groups)
            }
          }
        })
        best = Math.max(best, (bytes * 1000) / ms)
      }
    }
    return best
  }

  /** Side by side, as many as there is room for. */
  #bindGroups(bytes: number): GPUBindGroup[] {
    const stride = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
    const count = Math.min(MAX_DISPATCHES, Math.max(1, Math.floor(this.#words.size / stride)))
    return Array.from({ length: count }, (_, i) =>
      this.#gpu.bindGroup(kernels.stream, [
        { buffer: this.#words, offset: i * stride, size: bytes },
        this.#sum,
      ]),
    )
  }

  dispose(): void {
    this.#gpu.destroy()
  }
}
