/** Test harness: one dispatch of one kernel over plain arrays. */
import { type Binding, type Kernel, kernelText, type Params } from '../index'

export type Data = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>

export interface Launch {
  kernel: Kernel
  params?: Params
  /** One per binding; those of kind 'write' are overwritten with the result. */
  data: readonly Data[]
  groups: readonly [number, number?, number?]
  /** Where the section begins in the step buffer, if the kernel has one: a multiple of 256 bytes. What lies around it is garbage. */
  stepOffset?: number
}

const visibility = 4 // GPUShaderStage.COMPUTE
const layoutEntries: Record<Binding, GPUBufferBindingLayout> = {
  step: { type: 'read-only-storage', hasDynamicOffset: true },
  read: { type: 'read-only-storage' },
  write: { type: 'storage' },
  uniform: { type: 'uniform' },
}

let opened: Promise<GPUDevice> | undefined
const pipelines = new Map<string, GPUComputePipeline>()

/** A device with the guaranteed limits only, and subgroups where there are some. */
export function openDevice(): Promise<GPUDevice> {
  opened ??= (async () => {
    const adapter = await navigator.gpu.requestAdapter()
    if (!adapter) throw new Error('No WebGPU adapter.')
    const requiredFeatures: GPUFeatureName[] = adapter.features.has('subgroups') ? ['subgroups'] : []
    return adapter.requestDevice({ requiredFeatures })
  })()
  return opened
}

export const hasSubgroups = async (): Promise<boolean> => (await openDevice()).features.has('subgroups')

export async function runKernel(launch: Launch): Promise<void> {
  const device = await openDevice()
  const { kernel, data, stepOffset = 0 } = launch
  device.pushErrorScope('validation')
  const pipeline = pipelineOf(device, kernel, launch.params ?? {})
  const buffers = kernel.bindings.map((kind, i) => upload(device, kind, data[i]!, stepOffset))
  const results = kernel.bindings.map((kind, i) =>
    kind === 'write' ? device.createBuffer({ size: buffers[i]!.size, usage: 1 | 8 }) : undefined,
  )
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => {
      const size = binding === 0 ? data[0]!.byteLength : buffer.size
      return { binding, resource: { buffer, size } }
    }),
  })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, bindGroup, kernel.bindings[0] === 'step' ? [stepOffset] : [])
  pass.dispatchWorkgroups(...launch.groups)
  pass.end()
  for (const [i, result] of results.entries()) {
    if (result) encoder.copyBufferToBuffer(buffers[i]!, 0, result, 0, result.size)
  }
  device.queue.submit([encoder.finish()])
  const error = await device.popErrorScope()
  if (error) throw new Error(`${kernel.name}: ${error.message}`)
  for (const [i, result] of results.entries()) {
    if (result) await readInto(result, data[i]!)
  }
  for (const buffer of [...buffers, ...results]) buffer?.destroy()
}

/** Pipelines are kept: compiling one takes longer than most tests. */
function pipelineOf(device: GPUDevice, kernel: Kernel, params: Params): GPUComputePipeline {
  const code = kernelText(kernel, params)
  const known = pipelines.get(code)
  if (known) return known
  const entries = kernel.bindings.map((kind, binding) => ({
    binding,
    visibility,
    buffer: layoutEntries[kind],
  }))
  const layout = device.createPipelineLayout({
    bindGroupLayouts: [device.createBindGroupLayout({ entries })],
  })
  const pipeline = device.createComputePipeline({
    layout,
    compute: { module: device.createShaderModule({ code }) },
  })
  pipelines.set(code, pipeline)
  return pipeline
}

function upload(device: GPUDevice, kind: Binding, data: Data, stepOffset: number): GPUBuffer {
  const usage = { step: 128 | 8, read: 128 | 8, write: 128 | 8 | 4, uniform: 64 | 8 }[kind]
  const offset = kind === 'step' ? stepOffset : 0
  const size = Math.max(offset + data.byteLength + (kind === 'step' ? 256 : 0), 16)
  const buffer = device.createBuffer({ size, usage })
  if (kind === 'step') device.queue.writeBuffer(buffer, 0, new Uint32Array(size / 4).fill(0xdeadbeef))
  device.queue.writeBuffer(buffer, offset, data)
  return buffer
}

async function readInto(result: GPUBuffer, data: Data): Promise<void> {
  await result.mapAsync(1)
  const bytes = new Uint8Array(result.getMappedRange(0, data.byteLength))
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(bytes)
}
