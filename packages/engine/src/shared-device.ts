/** One device for many engines: for tests, most of whose time goes into compiling the same kernels again. */
import { Gpu, openDevice } from './gpu'

let opened: Promise<GPUDevice> | undefined

/** The same at every call. What was compiled on it stays compiled. */
export function sharedDevice(): Promise<GPUDevice> {
  opened ??= open()
  return opened
}

async function open(): Promise<GPUDevice> {
  const device = await openDevice(await Gpu.adapter())
  const compile = device.createComputePipelineAsync.bind(device)
  // The browser gives the same pipeline for the same text as long as somebody holds one.
  const held: GPUComputePipeline[] = []
  device.createComputePipelineAsync = async descriptor => {
    const pipeline = await compile(descriptor)
    held.push(pipeline)
    return pipeline
  }
  return device
}
