/** The one seam to WebGPU: a device, its buffers counted, its pipelines compiled, its errors in our words. */
import { EngineError, isEngineError } from '@foretoken/errors'
import { type Binding, type Kernel, kernelText, type Params } from '@foretoken/shaders'

/** Core WebGPU, so that it runs wherever WebGPU runs; larger only where a model needs it. */
const raisedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const

const bindingTypes: Record<Binding, GPUBufferBindingLayout> = {
  step: { type: 'read-only-storage', hasDynamicOffset: true },
  read: { type: 'read-only-storage' },
  write: { type: 'storage' },
  uniform: { type: 'uniform' },
}

const LOSS_PATIENCE_MS = 200

export type Pool = 'weights' | 'kv' | 'work'

export class Gpu {
  /** Bytes allocated, by purpose. */
  readonly bytes: Record<Pool, number> = { weights: 0, kv: 0, work: 0 }
  /** GPU objects created, command encoders apart: WebGPU has no way to record without one. */
  numCreates = 0
  /** Resolves when the device is lost or refuses a command; never by destroy(). */
  readonly failed: Promise<EngineError>
  readonly #buffers = new Set<GPUBuffer>()
  readonly #layouts = new Map<string, GPUBindGroupLayout>()
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>()
  #destroyed = false

  private constructor(
    readonly device: GPUDevice,
    readonly adapterName: string,
    /** The adapter is a CPU. */
    readonly isSoftware: boolean,
  ) {
    this.failed = new Promise(resolve => {
      void device.lost.then(({ message, reason }) => {
        const told = message || reason
        const error = new EngineError('device-lost', `The GPU device was lost: ${told}`, { reason: told })
        if (!this.#destroyed) resolve(error)
      })
      // A command that the device refuses would leave the last step's results to be read again.
      device.addEventListener('uncapturederror', ({ error }) => {
        const code = error instanceof GPUOutOfMemoryError ? 'out-of-memory' : 'internal'
        resolve(
          new EngineError(code, `The GPU refused a command: ${error.message}`, { reason: error.message }),
        )
      })
    })
  }

  /** `timestamps`: ask for timestamp queries where the adapter has them. */
  static async open(timestamps = false): Promise<Gpu> {
    const gpu = globalThis.navigator?.gpu
    if (!gpu) {
      throw new EngineError('unsupported-device', 'This browser has no WebGPU.', { asked: 'navigator.gpu' })
    }
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) {
      throw new EngineError('unsupported-device', 'WebGPU found no adapter on this machine.', {
        asked: 'GPUAdapter',
        offered: null,
      })
    }
    const requiredLimits = Object.fromEntries(raisedLimits.map(name => [name, adapter.limits[name]]))
    const { vendor, architecture, device: model, description } = adapter.info
    const name = [vendor, architecture, model, description].filter(Boolean).join(' ') || 'unknown adapter'
    try {
      const wanted: GPUFeatureName[] = ['subgroups', ...(timestamps ? (['timestamp-query'] as const) : [])]
      const requiredFeatures = wanted.filter(feature => adapter.features.has(feature))
      const device = await adapter.requestDevice({ requiredLimits, requiredFeatures })
      const isSoftware = adapter.info.isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(name)
      return new Gpu(device, name, isSoftware)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError('unsupported-device', `WebGPU gave no device: ${reason}`, {
        adapter: name,
        reason,
      })
    }
  }

  get limits(): GPUSupportedLimits {
    return this.device.limits
  }

  /** A zero-filled buffer; refused with numbers if it cannot be bound as a whole. */
  buffer(label: string, bytes: number, pool: Pool, usage = 0): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16)
    const offered = Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize)
    if (size > offered) {
      throw new EngineError(
        'out-of-memory',
        `"${label}" needs ${size} bytes in one buffer; this device binds at most ${offered}.`,
        { tensor: label, asked: size, offered },
      )
    }
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const buffer = this.device.createBuffer({ label, size, usage: usage || storage })
    this.numCreates++
    this.bytes[pool] += size
    this.#buffers.add(buffer)
    return buffer
  }

  /** A small constant block for a kernel's `shape`. */
  uniform(words: ArrayLike<number>): GPUBuffer {
    const data = new Uint32Array(Math.ceil(words.length / 4) * 4)
    data.set(words)
    const buffer = this.buffer(
      'shape',
      data.byteLength,
      'work',
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    )
    this.device.queue.writeBuffer(buffer, 0, data)
    return buffer
  }

  /** Runs `allocate`; an allocation that the device refuses becomes `out-of-memory`. */
  async allocating<T>(allocate: () => T): Promise<T> {
    this.device.pushErrorScope('out-of-memory')
    this.device.pushErrorScope('validation')
    const attempt = await Promise.allSettled([new Promise<T>(resolve => resolve(allocate()))])
    const validation = await this.device.popErrorScope()
    const memory = await this.device.popErrorScope()
    const [outcome] = attempt
    if (outcome.status === 'rejected') throw outcome.reason
    const asked = this.bytes.weights + this.bytes.kv + this.bytes.work
    if (memory)
      throw new EngineError('out-of-memory', `The GPU refused the memory: ${memory.message}`, { asked })
    if (validation) throw new EngineError('internal', `Invalid GPU call: ${validation.message}`, { asked })
    return outcome.value
  }

  /** Compiles one variant; the same variant is compiled once. */
  pipeline(kernel: Kernel, params: Params = {}): Promise<GPUComputePipeline> {
    const key = `${kernel.name} ${JSON.stringify(params)}`
    const known = this.#pipelines.get(key)
    if (known) return known
    const compiled = this.#compile(kernel, params, key)
    this.#pipelines.set(key, compiled)
    return compiled
  }

  async #compile(kernel: Kernel, params: Params, label: string): Promise<GPUComputePipeline> {
    const code = kernelText(kernel, params)
    this.numCreates += 3
    const module = this.device.createShaderModule({ label, code })
    const layout = this.device.createPipelineLayout({ bindGroupLayouts: [this.#layout(kernel)] })
    try {
      return await this.device.createComputePipelineAsync({
        label,
        layout,
        compute: { module, entryPoint: 'main' },
      })
    } catch (error) {
      const { messages } = await module.getCompilationInfo()
      const said = messages.map(m => `${m.lineNum}:${m.linePos} ${m.message}`).join('\n') || String(error)
      throw new EngineError('internal', `Kernel ${label} does not compile: ${said}`, { kernel: label, code })
    }
  }

  bindGroup(kernel: Kernel, buffers: ReadonlyArray<GPUBuffer | GPUBufferBinding>): GPUBindGroup {
    this.numCreates++
    return this.device.createBindGroup({
      label: kernel.name,
      layout: this.#layout(kernel),
      entries: buffers.map((buffer, binding) => ({
        binding,
        resource: 'buffer' in buffer ? buffer : { buffer },
      })),
    })
  }

  #layout(kernel: Kernel): GPUBindGroupLayout {
    const key = kernel.bindings.join()
    let layout = this.#layouts.get(key)
    if (!layout) {
      const entries = kernel.bindings.map((kind, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: bindingTypes[kind],
      }))
      this.numCreates++
      layout = this.device.createBindGroupLayout({ label: kernel.name, entries })
      this.#layouts.set(key, layout)
    }
    return layout
  }

  /** Why a GPU call failed: the device's loss, if that is what is behind it, and is told a moment later. */
  async explain(error: unknown): Promise<EngineError> {
    if (isEngineError(error)) return error
    const patience = new Promise<undefined>(resolve => setTimeout(resolve, LOSS_PATIENCE_MS))
    return (await Promise.race([this.failed, patience])) ?? asEngineError(error)
  }

  /** Frees every buffer and the device. */
  destroy(): void {
    this.#destroyed = true
    for (const buffer of this.#buffers) buffer.destroy()
    this.#buffers.clear()
    this.device.destroy()
  }
}

/** What WebGPU throws as such, in our words. */
function asEngineError(error: unknown): EngineError {
  if (isEngineError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new EngineError('internal', message, {}, error)
}
