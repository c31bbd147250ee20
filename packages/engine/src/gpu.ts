/** The one seam to WebGPU: a device, its buffers counted, its pipelines compiled, its errors in our words. */
import { EngineError, invariant, isEngineError, throwIfAborted } from '@foretoken/errors'
import { type Binding, type Kernel, kernelText, type Params } from '@foretoken/shaders'
import { type BufferUse, bytesByPool, type PlannedBuffer, type PoolBytes } from './buffer-plan'
import { shortenWaits } from './firefox-waits'
import { Turns } from './turns'

/** Core WebGPU, so that it runs wherever WebGPU runs; larger only where a model needs it. */
const raisedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const
/** Where a device has so much, tiles of 8 rows have room for rounds of two groups: split-variants.ts. */
const WORKGROUP_BYTES = 48 * 2 ** 10

const bindingTypes: Record<Binding, GPUBufferBindingLayout> = {
  step: { type: 'read-only-storage', hasDynamicOffset: true },
  read: { type: 'read-only-storage' },
  write: { type: 'storage' },
  uniform: { type: 'uniform' },
}

const LOSS_PATIENCE_MS = 200

/** Only made when they are needed: there is no WebGPU in Node. */
const bufferUsage = (use: BufferUse): GPUBufferUsageFlags => {
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ, QUERY_RESOLVE } = GPUBufferUsage
  const usages: Record<BufferUse, GPUBufferUsageFlags> = {
    storage: STORAGE | COPY_SRC | COPY_DST,
    uniform: UNIFORM | COPY_DST,
    readback: MAP_READ | COPY_DST,
    timestamps: QUERY_RESOLVE | COPY_SRC,
  }
  return usages[use]
}

/** The largest buffer that can be bound as a whole, in bytes. */
export function largestBinding({ maxBufferSize, maxStorageBufferBindingSize }: GPUSupportedLimits): number {
  return Math.min(maxBufferSize, maxStorageBufferBindingSize)
}

export function describeAdapter({ info }: GPUAdapter): { name: string; isSoftware: boolean } {
  const { vendor, architecture, device: model, description } = info
  const name = [vendor, architecture, model, description].filter(Boolean).join(' ') || 'unknown adapter'
  return { name, isSoftware: info.isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(name) }
}

/** A buffer that the device refused, and the bytes that it gave before. */
export interface RefusedBuffer {
  message: string
  tensor: string
  asked: number
  offered: number
}

export interface GpuOptions {
  /** Ask for timestamp queries where the adapter has them. */
  timestamps?: boolean | undefined
  /** It runs on this one, which is left open. */
  device?: GPUDevice | undefined
}

export class Gpu {
  /** GPU objects created, command encoders apart: WebGPU has no way to record without one. */
  numCreates = 0
  /** Resolves when the device is lost or refuses a command; never by destroy(). */
  readonly failed: Promise<EngineError>
  readonly #buffers = new Map<PlannedBuffer, GPUBuffer>()
  readonly #layouts = new Map<string, GPUBindGroupLayout>()
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>()
  /** As many as there are cores: a driver that has all of them compiles them all, though the load was given up. */
  readonly #compiling = new Turns(Math.max(2, globalThis.navigator?.hardwareConcurrency ?? 2))
  /** Ends compiling, while a model is being loaded. */
  loading: AbortSignal | undefined
  /** Aborted: nobody listens any more. The device may be others' too, and live on. */
  readonly #end = new AbortController()

  private constructor(
    readonly device: GPUDevice,
    readonly adapterName: string,
    /** The adapter is a CPU. */
    readonly isSoftware: boolean,
    /** Nobody else's. */
    readonly isOwnDevice: boolean,
  ) {
    this.failed = new Promise(resolve => {
      void device.lost.then(({ message, reason }) => {
        const told = message || reason
        const error = new EngineError('device-lost', `The GPU device was lost: ${told}`, { reason: told })
        if (!this.#end.signal.aborted) resolve(error)
      })
      // A command that the device refuses would leave the last step's results to be read again.
      const refuse = ({ error }: GPUUncapturedErrorEvent): void => {
        const code = error instanceof GPUOutOfMemoryError ? 'out-of-memory' : 'internal'
        resolve(
          new EngineError(code, `The GPU refused a command: ${error.message}`, { reason: error.message }),
        )
      }
      device.addEventListener('uncapturederror', refuse, { signal: this.#end.signal })
    })
  }

  static async adapter(): Promise<GPUAdapter> {
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
    return adapter
  }

  static async open({ timestamps, device }: GpuOptions = {}): Promise<Gpu> {
    const adapter = await Gpu.adapter()
    const { name, isSoftware } = describeAdapter(adapter)
    return new Gpu(device ?? (await openDevice(adapter, timestamps)), name, isSoftware, device === undefined)
  }

  get limits(): GPUSupportedLimits {
    return this.device.limits
  }

  /** Bytes allocated, by purpose. */
  get bytes(): PoolBytes {
    return bytesByPool([...this.#buffers.keys()])
  }

  /** Makes these buffers, filled with zeros. What comes back says where the device's memory ended, if it did. */
  async allocate(planned: readonly PlannedBuffer[]): Promise<RefusedBuffer | undefined> {
    const refusals = planned.map(buffer => {
      this.device.pushErrorScope('out-of-memory')
      this.device.pushErrorScope('validation')
      this.#create(buffer)
      return Promise.all([this.device.popErrorScope(), this.device.popErrorScope()])
    })
    let offered = 0
    for (const [i, [validation, memory]] of (await Promise.all(refusals)).entries()) {
      const { label: tensor, bytes } = planned[i]!
      if (validation)
        throw new EngineError('internal', `Invalid GPU buffer: ${validation.message}`, { tensor })
      const message = `The GPU refused ${bytes} bytes for "${tensor}" after ${offered} bytes: ${memory?.message}.`
      if (memory) return { message, tensor, asked: bytes, offered }
      offered += bytes
    }
    return undefined
  }

  #create(planned: PlannedBuffer): void {
    const { label, bytes, use } = planned
    this.numCreates++
    this.#buffers.set(planned, this.device.createBuffer({ label, size: bytes, usage: bufferUsage(use) }))
  }

  /** One that has been allocated. */
  buffer(planned: PlannedBuffer): GPUBuffer {
    const buffer = this.#buffers.get(planned)
    invariant(buffer, () => `buffer "${planned.label}" is not allocated`)
    return buffer
  }

  buffers<K extends string>(planned: Readonly<Record<K, PlannedBuffer>>): Record<K, GPUBuffer> {
    const entries = Object.entries<PlannedBuffer>(planned).map(([name, each]) => [name, this.buffer(each)])
    return Object.fromEntries(entries)
  }

  /** Compiles one variant; the same variant is compiled once. */
  pipeline(kernel: Kernel, params: Params = {}): Promise<GPUComputePipeline> {
    const key = `${kernel.name} ${JSON.stringify(params)}`
    const known = this.#pipelines.get(key)
    if (known) return known
    const compiled = this.#compiling.take(() => this.#compile(kernel, params, key))
    // Whoever waits for it is told; where a load has failed already, nobody does.
    compiled.catch(() => undefined)
    this.#pipelines.set(key, compiled)
    return compiled
  }

  async #compile(kernel: Kernel, params: Params, label: string): Promise<GPUComputePipeline> {
    throwIfAborted(this.loading, 'compile')
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

  /** Frees every buffer, and the device if it is its own. A second call does nothing. */
  destroy(): void {
    this.#end.abort()
    for (const buffer of this.#buffers.values()) buffer.destroy()
    this.#buffers.clear()
    if (this.isOwnDevice) this.device.destroy()
  }
}

/** With what the adapter has of what is used; `timestamps`: queries too. */
export async function openDevice(adapter: GPUAdapter, timestamps = false): Promise<GPUDevice> {
  const { limits } = adapter
  const requiredLimits = {
    ...Object.fromEntries(raisedLimits.map(name => [name, limits[name]])),
    maxComputeWorkgroupStorageSize: Math.min(limits.maxComputeWorkgroupStorageSize, WORKGROUP_BYTES),
  }
  const wanted: GPUFeatureName[] = ['subgroups', ...(timestamps ? (['timestamp-query'] as const) : [])]
  const requiredFeatures = wanted.filter(feature => adapter.features.has(feature))
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures }).catch(error => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EngineError('unsupported-device', `WebGPU gave no device: ${reason}`, {
      adapter: describeAdapter(adapter).name,
      reason,
    })
  })
  await shortenWaits(device)
  return device
}

/** What WebGPU throws as such, in our words. */
function asEngineError(error: unknown): EngineError {
  if (isEngineError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new EngineError('internal', message, {}, error)
}
