/** One compute pass, timed: by the GPU's own clock where there is one, else from submit to done. For benches. */
import type { Gpu } from './gpu'
import type { GpuTimer } from './gpu-timer'

/** Milliseconds, above 0 even where the clock's grain is coarser than the pass. */
export async function timePass(
  { device }: Gpu,
  timer: GpuTimer | undefined,
  encode: (pass: GPUComputePassEncoder) => void,
): Promise<number> {
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass(timer ? { timestampWrites: timer.writes } : {})
  encode(pass)
  pass.end()
  timer?.resolve(encoder)
  const work = encoder.finish()
  await device.queue.onSubmittedWorkDone()
  const begin = performance.now()
  device.queue.submit([work])
  await device.queue.onSubmittedWorkDone()
  const wallMs = performance.now() - begin
  return Math.max((await timer?.read()) ?? wallMs, 1e-3)
}
