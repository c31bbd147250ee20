import { lookup } from '@foretoken/scheduler'
import { kernels } from '@foretoken/shaders'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BufferPlan } from './buffer-plan'
import { Gpu } from './gpu'

const CONTEXT = 200
const NONE = 0xffffffff

/** Runs lookup.wgsl for all sequences and returns their histories. */
async function lookupOnGpu(gpu: Gpu, histories: readonly (readonly number[])[], depth: number) {
  const history = new Uint32Array(histories.length * CONTEXT)
  histories.forEach((tokens, i) => void history.set(tokens, i * CONTEXT))
  const requests = new Uint32Array([histories.length, ...histories.flatMap((_, i) => [i, depth])])
  const lengths = new Uint32Array(histories.map(tokens => tokens.length))
  const plan = new BufferPlan()
  const data = [requests, lengths, history]
  const planned = data.map(({ byteLength }, i) => plan.add(`data ${i}`, byteLength, 'work'))
  const plannedReadback = plan.add('readback', history.byteLength, 'work', 'readback')
  expect(await gpu.allocate(plan.buffers)).toBeUndefined()
  const buffers = planned.map(each => gpu.buffer(each))
  const readback = gpu.buffer(plannedReadback)
  data.forEach((words, i) => void gpu.device.queue.writeBuffer(buffers[i]!, 0, words))
  const encoder = gpu.device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(await gpu.pipeline(kernels.lookup, { CONTEXT }))
  pass.setBindGroup(0, gpu.bindGroup(kernels.lookup, buffers))
  pass.dispatchWorkgroups(histories.length)
  pass.end()
  encoder.copyBufferToBuffer(buffers[2]!, 0, readback, 0, history.byteLength)
  gpu.device.queue.submit([encoder.finish()])
  await readback.mapAsync(GPUMapMode.READ)
  const result = new Uint32Array(readback.getMappedRange().slice(0))
  for (const buffer of [...buffers, readback]) buffer.destroy()
  return histories.map((_, i) => result.slice(i * CONTEXT, (i + 1) * CONTEXT))
}

describe('lookup.wgsl', () => {
  it('guesses what the scheduler guesses', async () => {
    const gpu = await Gpu.open()
    const tokens = fc.array(fc.nat(4), { minLength: 1, maxLength: CONTEXT })
    const property = fc.asyncProperty(
      fc.array(tokens, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 16 }),
      async (histories, depth) => {
        const results = await lookupOnGpu(gpu, histories, depth)
        for (const [i, history] of histories.entries()) {
          const guesses = lookup(history, depth)
          const padded = Array.from({ length: depth }, (_, j) => guesses[j] ?? NONE)
          expect([...results[i]!.slice(0, history.length)]).toEqual(history)
          const room = CONTEXT - history.length
          expect([...results[i]!.slice(history.length, history.length + depth)]).toEqual(
            padded.slice(0, room),
          )
        }
      },
    )
    await fc.assert(property, { numRuns: 40 })
    gpu.destroy()
  })
})
