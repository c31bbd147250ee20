// WebGPU in Node: Dawn, as the npm package `webgpu` brings it.
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { create, globals } from 'webgpu'

/** Node aborts or crashes when one of Dawn's objects is collected while others of it live. Delete when that is mended. */
const alive = []

function keepResults(owner, method) {
  const original = owner[method]
  owner[method] = async function (...args) {
    const object = await original.apply(this, args)
    alive.push(object)
    return object
  }
}

/** Makes WebGPU global as it is in a browser. From then on the process ends by process.exit only. */
export function installDawn() {
  // What Chromium gets from --enable-unsafe-webgpu, and the GPU's clock unrounded.
  const gpu = create([
    'enable-dawn-features=allow_unsafe_apis',
    'disable-dawn-features=timestamp_quantization',
  ])
  keepResults(gpu, 'requestAdapter')
  keepResults(globals.GPUAdapter.prototype, 'requestDevice')
  Object.assign(globalThis, globals)
  const value = {
    gpu,
    hardwareConcurrency: availableParallelism(),
    userAgent: `Node.js/${process.versions.node}`,
  }
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true })
}
