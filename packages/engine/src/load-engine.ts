/** From options to everything that an engine runs on, in order, each phase abortable, all freed on failure. */
import { EngineError, throwIfAborted } from '@foretoken/errors'
import { Scheduler, type SchedulerConfig } from '@foretoken/scheduler'
import { kernels as allKernels, type Kernel, type KernelName } from '@foretoken/shaders'
import type { Tokenizer } from '@foretoken/tokenizer'
import { bytesByPool } from './buffer-plan'
import { calibrate } from './calibrate'
import { costKey, cutKey, loadCosts } from './cost-store'
import { type Cut, type DeviceProfile, deviceCuts } from './device-profile'
import { Gpu, largestBinding } from './gpu'
import { GpuTimer } from './gpu-timer'
import { buildLlama, type Llama } from './llama'
import { type LoadContext, memoryRequest, type OpenModel, openModels, upload } from './load-model'
import { type MemoryPlan, type MemoryRequest, outOfMemory, planMemory } from './memory-plan'
import type { ModelConfig } from './model-config'
import type { ModelWeights } from './model-weights'
import { createResident, type Resident, type Sizes } from './resident'
import { Runner } from './runner'
import { type SelfCheck, selfCheck } from './self-check'
import { readSettings, type Settings } from './settings'
import { CutTimer, type Tuned, type Tuning, tune } from './tune'
import type { EngineOptions } from './types'

/** Seams for tests and benches: another drafter, another policy, another kernel. */
export interface EngineInternals {
  guess?: SchedulerConfig['guess']
  policy?: SchedulerConfig['policy']
  kernels?: Partial<Record<KernelName, Kernel>>
  /** Sequences' guesses may be trees. */
  trees?: boolean
  /** Work cut up as for another device. */
  deviceProfile?: DeviceProfile
  /** Cuts of products to choose from, the default first, instead of those for this kind of adapter. */
  cuts?: readonly [Cut, ...Cut[]]
  /** Time to choose in. */
  tuningMs?: number
  /** Measure the GPU's own time of every step, where it can. */
  profile?: boolean
  /** Measure no costs at load. */
  skipCalibration?: boolean
  /** KV blocks are said to be no more than these, or as few as one sequence needs. */
  maxBlocks?: number
  /** The device is said to bind no larger buffer, so that small models are cut like large ones. */
  maxBindingBytes?: number
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
  tuning: Tuning
}

/** Requests that wait; each sample of a request counts. */
export const MAX_WAITING = 1024

export async function loadEngine(options: EngineOptions, internals: EngineInternals): Promise<LoadedEngine> {
  const begin = performance.now()
  const { signal, onProgress } = options
  throwIfAborted(signal, 'download')
  const settings = readSettings(options)
  const gpu = await Gpu.open(internals.profile)
  const context: LoadContext = { signal, onProgress }
  let models: OpenModel[] = []
  try {
    const maxBytes = Math.min(
      largestBinding(gpu.limits),
      internals.maxBindingBytes ?? Number.POSITIVE_INFINITY,
    )
    models = await openModels(options, maxBytes)
    const timestamps = internals.profile === true && gpu.device.features.has('timestamp-query')
    const plan = await allocate(gpu, {
      ...memoryRequest(models, settings, maxBytes, gpu.isSoftware),
      timestamps,
      ...(internals.maxBlocks === undefined ? {} : { maxBlocks: internals.maxBlocks }),
    })
    throwIfAborted(signal, 'upload')
    const engine = await build(gpu, plan, settings, models, context, internals)
    await warmUp(engine, performance.now() - begin, context, internals)
    throwIfAborted(signal, 'calibrate')
    return engine
  } catch (error) {
    const known = await gpu.explain(error)
    await Promise.all(models.map(model => model.reader.close()))
    gpu.destroy()
    throw signal?.aborted && known.code !== 'aborted' ? abortedWhile(known) : known
  }
}

/** All buffers at once, while nothing but headers has been fetched; refused with what would fit. */
async function allocate(gpu: Gpu, request: MemoryRequest): Promise<MemoryPlan> {
  const { plan, shortage } = planMemory(request)
  if (shortage) throw outOfMemory(request, plan, shortage)
  const refused = await gpu.allocate(plan.buffers)
  if (!refused) return plan
  throw outOfMemory({ ...request, maxTotalBytes: refused.offered }, plan, refused)
}

async function build(
  gpu: Gpu,
  plan: MemoryPlan,
  { kvType }: Settings,
  models: readonly OpenModel[],
  context: LoadContext,
  internals: EngineInternals,
): Promise<LoadedEngine> {
  const { guess, policy, kernels, profile, trees = false } = internals
  const { sizes, stepData, readbacks } = plan
  const resident = createResident(gpu, plan.resident, sizes, stepData)
  const [target, draft] = models
  const llamas: Llama[] = []
  let tuned: Tuned | undefined
  for (const [i, model] of models.entries()) {
    const weights = await uploadModel(gpu, model, i === 0 ? 'model' : 'draft', context)
    // The target's choice serves its draft too.
    tuned ??= await tuneFor(gpu, target!, weights, plan, resident, internals)
    const options = {
      kvType,
      trees: trees && i === 0,
      deviceProfile: tuned.cut,
      ...(kernels ? { kernels } : {}),
    }
    llamas.push(await buildLlama(gpu, model.config, weights, resident, plan.llamas[i]!, options))
    context.onProgress?.({ phase: 'compile', loaded: 1, total: 1, file: i === 0 ? 'model' : 'draft' })
  }
  const { tuning } = tuned!
  throwIfAborted(context.signal, 'compile')
  const runner = await Runner.create(gpu, resident, stepData, llamas, readbacks, {
    ...(kernels?.accept ? { accept: kernels.accept } : {}),
    timers: profile ? plan.timers.map(timer => new GpuTimer(gpu, timer)) : [],
  })
  const scheduler = new Scheduler({
    ...sizes,
    maxWaiting: MAX_WAITING,
    hasDraft: draft !== undefined,
    ...(guess ? { guess } : {}),
    ...(policy ? { policy } : {}),
  })
  return {
    gpu,
    scheduler,
    runner,
    sizes,
    target: loadedModel(target!),
    draft: draft && loadedModel(draft),
    selfCheck: await selfCheck(runner, target!.config.vocab),
    tuning,
    costKey: costKey(gpu.adapterName, target!.identity, draft?.identity, tuning.cut),
  }
}

/** One model's weights, until the GPU has them. */
async function uploadModel(
  gpu: Gpu,
  model: OpenModel,
  file: string,
  { signal, onProgress }: LoadContext,
): Promise<ModelWeights> {
  const weights = await upload(gpu, model, signal)
  // The file went to the GPU's queue as it came; here the last of it arrives.
  const { weights: total } = bytesByPool(model.layout.buffers)
  onProgress?.({ phase: 'upload', loaded: 0, total, file })
  await gpu.device.queue.onSubmittedWorkDone()
  onProgress?.({ phase: 'upload', loaded: total, total, file })
  throwIfAborted(signal, 'upload')
  onProgress?.({ phase: 'compile', loaded: 0, total: 1, file })
  return weights
}

function tuneFor(
  gpu: Gpu,
  { identity }: OpenModel,
  { layers }: ModelWeights,
  { llamas }: MemoryPlan,
  resident: Resident,
  { kernels, deviceProfile, cuts, tuningMs }: EngineInternals,
): Promise<Tuned> {
  const given = deviceProfile && ([{ ...deviceProfile, name: 'given' }] as const)
  const activations = gpu.buffers(llamas[0]!.activations)
  const timer = new CutTimer(gpu, { ...allKernels, ...kernels }, layers, resident, activations)
  return tune(timer, cuts ?? given ?? deviceCuts(gpu), cutKey(gpu.adapterName, identity), tuningMs)
}

/** What is left of it once the file is read. */
function loadedModel({ name, format, config, tokenizer, layout }: OpenModel): LoadedModel {
  return { name, format, config, tokenizer, numParameters: layout.numParameters }
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
