/** The device's own speed of multiplying and adding f32, the yardstick for kernels that fill prompts. For benches. */
import { EngineError } from '@foretoken/errors'
import { kernels } from '@foretoken/shaders'
import { BufferPlan } from './buffer-plan'
import { Gpu } from './gpu'
import { GpuTimer, planTimer } from './gpu-timer'
import { timePass } from './timed-pass'

const WORKGROUP = 256
/** What suits one device best is slower on another. */
const CHAINS = [4, 8, 16]
const UNROLLED = 8
const MEASUREMENTS = 5
/** Enough for a pass of some milliseconds. */
const GROUPS = 8192
const ROUNDS = 256
const SOFTWARE_GROUPS = 64
const SOFTWARE_ROUNDS = 8

/** fma of f32 per second: the best of all variants and measurements. */
export async function fmaRate(): Promise<number> {
  const gpu = await Gpu.open({ timestamps: true })
  try {
    const plan = new BufferPlan()
    const [factors, result] = [plan.add('factors', 16, 'work'), plan.add('result', 16, 'work')]
    const timing = gpu.device.features.has('timestamp-query') ? planTimer(plan) : undefined
    const refused = await gpu.allocate(plan.buffers)
    if (refused) throw new EngineError('out-of-memory', refused.message, { ...refused })
    gpu.device.queue.writeBuffer(gpu.buffer(factors), 0, new Float32Array([0.999, 0.001]))
    const bindGroup = gpu.bindGroup(kernels.fma, [gpu.buffer(factors), gpu.buffer(result)])
    const timer = timing && new GpuTimer(gpu, timing)
    const [groups, rounds] = gpu.isSoftware ? [SOFTWARE_GROUPS, SOFTWARE_ROUNDS] : [GROUPS, ROUNDS]
    let best = 0
    for (const chains of CHAINS) {
      const params = { WORKGROUP, CHAINS: chains, UNROLLED, ROUNDS: rounds }
      const pipeline = await gpu.pipeline(kernels.fma, params)
      for (let i = 0; i < MEASUREMENTS; i++) {
        const ms = await timePass(gpu, timer, pass => {
          pass.setPipeline(pipeline)
          pass.setBindGroup(0, bindGroup)
          pass.dispatchWorkgroups(groups)
        })
        best = Math.max(best, (groups * WORKGROUP * chains * UNROLLED * rounds * 1000) / ms)
      }
    }
    return best
  } finally {
    gpu.destroy()
  }
}
