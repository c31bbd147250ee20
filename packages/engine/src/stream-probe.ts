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
const MEASUREMENTS = 7
/** Beyond a GPU's caches. */
const BYTES = 256 * 2 ** 20
/** Passes over the buffer in one measurement. A CPU takes long enough for one over a part of it. */
const REPEATS = 16
const SOFTWARE_SHARE = 4

/** Bytes per second: the best of all variants and measurements. */
export async function streamBandwidth(): Promise<number> {
  const gpu = await Gpu.open({ timestamps: true })
  try {
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.limits
    const wanted = gpu.isSoftware ? BYTES / SOFTWARE_SHARE : BYTES
    const bytes = Math.min(wanted, maxStorageBufferBindingSize, maxBufferSize)
    const plan = new BufferPlan()
    const [planned, sum] = [plan.add('streamed', bytes, 'work'), plan.add('sum', 16, 'work')]
    const timing = gpu.device.features.has('timestamp-query') ? planTimer(plan) : undefined
    const refused = await gpu.allocate(plan.buffers)
    if (refused) throw new EngineError('out-of-memory', refused.message, { ...refused })
    const words = gpu.buffer(planned)
    await fill(gpu, words)
    const bindGroup = gpu.bindGroup(kernels.stream, [words, gpu.buffer(sum)])
    const timer = timing && new GpuTimer(gpu, timing)
    const repeats = gpu.isSoftware ? 1 : REPEATS
    let best = 0
    for (const loads of LOADS) {
      const pipeline = await gpu.pipeline(kernels.stream, { WORKGROUP, LOADS: loads })
      const groupBytes = 16 * WORKGROUP * loads
      const groups = Math.floor(bytes / groupBytes)
      for (let i = 0; i < MEASUREMENTS; i++) {
        const ms = await timePass(gpu, timer, pass => {
          pass.setPipeline(pipeline)
          pass.setBindGroup(0, bindGroup)
          for (let n = 0; n < repeats; n++) pass.dispatchWorkgroups(groups)
        })
        best = Math.max(best, (repeats * groups * groupBytes * 1000) / ms)
      }
    }
    return best
  } finally {
    gpu.destroy()
  }
}
