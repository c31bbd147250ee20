/** From options to everything that an engine runs on, in order, each phase abortable, all freed on failure. */
import { EngineError, throwIfAborted } from '@foretoken/errors'
import { blocksFor, MAX_DEPTH, Scheduler, type SchedulerConfig } from '@foretoken/scheduler'
import type { Kernel, KernelName } from '@foretoken/shaders'
import type { Tokenizer } from '@foretoken/tokenizer'
import { calibrate } from './calibrate'
import { costKey, loadCosts } from './cost-store'
import type { DeviceProfile } from './device-profile'
import { Gpu } from './gpu'
import { GpuTimer } from './gpu-timer'
import { buildLlama, kvBlockBytes, type Llama } from './llama'
import { checkDraft, type LoadContext, type OpenModel, openModel, upload } from './load-model'
import type { ModelConfig } from './model-config'
import { bad } from './request'
import { createResident, type Sizes } from './resident'
import { Runner } from './runner'
import { type SelfCheck, selfCheck } from './self-check'
import { StepData } from './step-data'
import { MIN_CONTEXT } from './trial'
import type { EngineOptions } from './types'

/** Seams for tests and benches: another drafter, another policy, another kernel. */
export interface EngineInternals {
  guess?: SchedulerConfig['guess']
  choose?: SchedulerConfig['choose']
  kernels?: Partial<Record<KernelName, Kernel>>
  /** Work cut up as for another device. */
  deviceProfile?: DeviceProfile
  /** Measure the GPU's own time of every step, where it can. */
  profile?: boolean
  /** Measure no costs at load. */
  skipCalibration?: boolean
}

export interface LoadedModel {
  name: string
  format: string
  config: ModelConfig
  tokenizer: Tokenizer
  numParameters: number
}

export interface LoadedEngine {
  gpu: Gpu
  scheduler: Scheduler
  runner: Runner
  sizes: Sizes
  target: LoadedModel
  draft: LoadedModel | undefined
  costKey: string
  selfCheck: SelfCheck
}

const MAX_ROWS = 256
const MAX_SAMPLES = 64
const MAX_WAITING = 256
const DEFAULT_CONCURRENT = 4
const DEFAULT_CONTEXT = 4096
/** Keys and values of all layers of both models; more only where a single sequence needs it. */
const KV_BUDGET_BYTES = 512 * 2 ** 20

export async function loadEngine(options: EngineOptions, internals: EngineInternals): Promise<LoadedEngine> {
  const begin = performance.now()
  const { signal, onProgress } = options
  throwIfAborted(signal, 'download')
  const settings = readSettings(options)
  const gpu = await Gpu.open(internals.profile)
  const context: LoadContext = { signal, onProgress }
  const open: OpenModel[] = []
  try {
    const target = await openModel(options.model, 'model', context)
    open.push(target)
    const draft = options.draft === undefined ? undefined : await openModel(options.draft, 'draft', context)
    if (draft) {
      open.push(draft)
      checkDraft(target, draft)
      // The target comes first; a connection that waits so long may be cut. The draft's is opened again in time.
      await draft.reader.close()
    }
    const sizes = planSizes(gpu, settings, [target.config, ...(draft ? [draft.config] : [])])
    const engine = await build(gpu, settings, sizes, target, draft, context, internals)
    await warmUp(engine, performance.now() - begin, context, internals)
    throwIfAborted(signal, 'calibrate')
    return engine
  } catch (error) {
    const known = await gpu.explain(error)
    await Promise.all(open.map(model => model.reader.close()))
    gpu.destroy()
    throw signal?.aborted && known.code !== 'aborted' ? abortedWhile(known) : known
  }
}

interface Settings {
  maxConcurrent: number
  contextLength: number | undefined
  kvType: 'f16' | 'f32'
}

const known = ['model', 'draft', 'onProgress', 'signal', 'maxConcurrent', 'contextLength', 'kvType']

function readSettings(options: EngineOptions): Settings {
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) throw bad(name, value, `one of ${known.join(', ')}`)
  }
  const { maxConcurrent = DEFAULT_CONCURRENT, contextLength, kvType = 'f16' } = options
  const whole = (value: number, max: number): boolean => Number.isInteger(value) && value >= 1 && value <= max
  if (!whole(maxConcurrent, 32)) throw bad('maxConcurrent', maxConcurrent, 'a whole number from 1 to 32')
  if (contextLength !== undefined && !(whole(contextLength, 2 ** 20) && contextLength >= MIN_CONTEXT)) {
    throw bad('contextLength', contextLength, `a whole number from ${MIN_CONTEXT} to 1048576`)
  }
  if (kvType !== 'f16' && kvType !== 'f32') throw bad('kvType', kvType, "'f16' or 'f32'")
  return { maxConcurrent, contextLength, kvType }
}

/** Fewer KV blocks where all of them would be too much: then requests wait for one another. */
function planSizes(gpu: Gpu, settings: Settings, configs: readonly ModelConfig[]): Sizes {
  const trained = configs[0]!.context
  if ((settings.contextLength ?? 0) > trained)
    throw bad('contextLength', settings.contextLength, `1 to ${trained}, the model's own`)
  const contextLength = settings.contextLength ?? Math.min(trained, DEFAULT_CONTEXT)
  const perSequence = blocksFor(contextLength)
  const blockBytes = Math.max(...configs.map(config => kvBlockBytes(config, settings.kvType)))
  const offered = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize)
  const everyLayer = configs.reduce(
    (sum, config) => sum + config.layers * kvBlockBytes(config, settings.kvType),
    0,
  )
  const affordable = Math.max(perSequence, Math.floor(KV_BUDGET_BYTES / everyLayer))
  const bindable = Math.floor(offered / blockBytes)
  const numBlocks = Math.min(settings.maxConcurrent * perSequence, affordable, bindable)
  if (numBlocks < perSequence) {
    throw new EngineError(
      'out-of-memory',
      `One layer's KV for ${contextLength} positions needs ${perSequence * blockBytes} bytes in one buffer; this device binds at most ${offered}.`,
      {
        tensor: 'KV',
        asked: perSequence * blockBytes,
        offered,
        contextLength,
      },
    )
  }
  return {
    maxConcurrent: settings.maxConcurrent,
    contextLength,
    vocab: Math.max(...configs.map(config => config.vocab)),
    numBlocks,
    maxRows: MAX_ROWS,
    maxSamples: MAX_SAMPLES,
  }
}

async function build(
  gpu: Gpu,
  { kvType }: Settings,
  sizes: Sizes,
  target: OpenModel,
  draft: OpenModel | undefined,
  { signal, onProgress }: LoadContext,
  { guess, choose, kernels, deviceProfile, profile }: EngineInternals,
): Promise<LoadedEngine> {
  const stepData = new StepData(sizes.maxRows, sizes.maxSamples, sizes.maxConcurrent, draft ? MAX_DEPTH : 0)
  const resident = await gpu.allocating(() => createResident(gpu, sizes, stepData))
  const llamas: Llama[] = []
  const loaded: LoadedModel[] = []
  for (const [file, model] of [
    ['model', target],
    ['draft', draft],
  ] as const) {
    if (!model) continue
    const before = gpu.bytes.weights
    const weights = await upload(gpu, model, signal)
    // The file went to the GPU's queue as it came; here the last of it arrives.
    const bytes = gpu.bytes.weights - before
    onProgress?.({ phase: 'upload', loaded: 0, total: bytes, file })
    await gpu.device.queue.onSubmittedWorkDone()
    onProgress?.({ phase: 'upload', loaded: bytes, total: bytes, file })
    throwIfAborted(signal, 'upload')
    onProgress?.({ phase: 'compile', loaded: 0, total: 1, file })
    llamas.push(
      await buildLlama(gpu, model.config, weights, resident, {
        kvType,
        ...(kernels ? { kernels } : {}),
        ...(deviceProfile ? { deviceProfile } : {}),
      }),
    )
    onProgress?.({ phase: 'compile', loaded: 1, total: 1, file })
    const { name, format, config, tokenizer } = model
    loaded.push({ name, format, config, tokenizer, numParameters: weights.numParameters })
  }
  throwIfAborted(signal, 'compile')
  const runner = await Runner.create(gpu, resident, stepData, llamas, {
    ...(kernels?.accept ? { accept: kernels.accept } : {}),
    timer: profile ? GpuTimer.create(gpu) : undefined,
  })
  const scheduler = new Scheduler({
    ...sizes,
    maxWaiting: MAX_WAITING,
    hasDraft: draft !== undefined,
    ...(guess ? { guess } : {}),
    ...(choose ? { choose } : {}),
  })
  return {
    gpu,
    scheduler,
    runner,
    sizes,
    target: loaded[0]!,
    draft: loaded[1],
    selfCheck: await selfCheck(runner, target.config.vocab),
    costKey: costKey(gpu.adapterName, target.identity, draft?.identity),
  }
}

/** Costs of an earlier visit, or measured now within 2 s or a tenth of the load time, whichever is longer. */
async function warmUp(
  engine: LoadedEngine,
  loadMs: number,
  { signal, onProgress }: LoadContext,
  internals: EngineInternals,
): Promise<void> {
  if (internals.skipCalibration) return
  const { scheduler, runner } = engine
  const stored = await loadCosts(engine.costKey)
  if (stored) {
    scheduler.cost.target.restore(stored.target)
    scheduler.cost.draft.restore(stored.draft)
    return
  }
  await calibrate({
    runner,
    scheduler,
    vocab: engine.target.config.vocab,
    budgetMs: Math.max(2000, loadMs / 10),
    signal,
    onProgress: (loaded, total) => onProgress?.({ phase: 'calibrate', loaded, total, file: 'model' }),
  })
}

/** The signal fired and something else broke because of it. */
function abortedWhile(error: EngineError): EngineError {
  return new EngineError('aborted', 'Aborted during loading.', {
    phase: 'load',
    reason: error.message,
  })
}
