/**
 * The constant blocks of all commands, each kernel's `shape`, in one uniform buffer: layers that are alike share theirs,
 * so that their number does not depend on how many there are.
 */
import { invariant } from '@foretoken/errors'
import type { BufferPlan, PlannedBuffer } from './buffer-plan'

/** WebGPU's default minUniformBufferOffsetAlignment. */
const SLOT_BYTES = 256

export function planShapes(plan: BufferPlan, numShapes: number): PlannedBuffer {
  return plan.add('shapes', numShapes * SLOT_BYTES, 'work', 'uniform')
}

export class ShapeArena {
  readonly #device: GPUDevice
  readonly #buffer: GPUBuffer
  readonly #bindings = new Map<string, GPUBufferBinding>()

  constructor(device: GPUDevice, buffer: GPUBuffer) {
    this.#device = device
    this.#buffer = buffer
  }

  /** Words of a shape: u32, floats as their bits. */
  binding(words: readonly number[]): GPUBufferBinding {
    const key = words.join()
    const known = this.#bindings.get(key)
    if (known) return known
    const data = new Uint32Array(Math.ceil(words.length / 4) * 4)
    data.set(words)
    const offset = this.#bindings.size * SLOT_BYTES
    invariant(
      data.byteLength <= SLOT_BYTES && offset < this.#buffer.size,
      () => `no place for shape ${this.#bindings.size} of ${words.length} words`,
    )
    this.#device.queue.writeBuffer(this.#buffer, offset, data)
    const binding = { buffer: this.#buffer, offset, size: data.byteLength }
    this.#bindings.set(key, binding)
    return binding
  }
}

export const floatBits = (value: number): number => new Uint32Array(new Float32Array([value]).buffer)[0]!
