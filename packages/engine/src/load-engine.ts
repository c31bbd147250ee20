/** From options to everything that an engine runs on, in order, each phase abortable, all freed on failure. */
import { EngineError, throwIfAborted } from '@foretoken/errors'
import { DRAFT_MODELS, Scheduler, type SchedulerConfig } from '@foretoken/scheduler'
import { kernels as allKernels, type Kernel, type KernelName } from '@foretoken/shaders'
import type { Tokenizer } from '@foretoken/tokenizer'
import { bytesByPool } from './buffer-plan'
import { calibrate } from './calibrate'
import { costKey, cutKey, restoreCosts, speedupKey } from './cost-store'
import { type Cut, type DeviceProfile, deviceCuts } from './device-profile'
import { Gate } from './gate'
import { Gpu, largestBinding } from './gpu'
import { GpuTimer } from './gpu-timer'
import { Grammars } from './grammars'
import { buildLlama, type Llama } from './llama'
import type { Numerics } from './llama-buffers'
import {
  type LoadContext,
  memoryRequest,
  type OpenModel,
  type OpenModels,
  openModels,
  upload,
  uploadHeads,
} from './load-model'
import { type MemoryPlan, type MemoryRequest, outOfMemory, planMemory } from './memory-plan'
import type { ModelConfig } from './model-config'
import type { ModelWeights } from './model-weights'
import { NgramStore } from './ngram-store'
import { chooseNumerics, type NumericsInUse } from './numerics'
import { createResident, type Resident, type Sizes } from './resident'
import { Runner } from './runner'
import { type SelfCheck, selfCheck } from './self-check'
import { readSettings, type Settings } from './settings'
import { CutTimer, type Tuned, type Tuning, tune } from './tune'
import type { DraftVocabulary, EngineOptions } from './types'

/** Seams for tests and benches: another drafter, another policy, another kernel. */
export interface EngineInternals {
  /** It runs on this device, which is left open: `sharedDevice`. */
  device?: GPUDevice | undefined
  /** Steps are taken while it is open. */
  gate?: Gate
  guess?: SchedulerConfig['guess']
  policy?: SchedulerConfig['policy']
  kernels?: Partial<Record<KernelName, Kernel>>
  /** Work cut up as for another device. */
  deviceProfile?: DeviceProfile
  /** Cuts of products to choose from, the default first, instead of those for this kind of adapter. */
  cuts?: readonly [Cut, ...Cut[]]
  /** Time to choose in. */
  tuningMs?: number
  /** `numerics: 'fast'` is used wherever it can be, however fast it is. */
  trustFast?: boolean
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
  /** Of a draft. */
  vocabulary: DraftVocabulary | undefined
}

export interface LoadedEngine {
  gpu: Gpu
  scheduler: Scheduler
  runner: Runner
  sizes: Sizes
  target: LoadedModel
  drafts: LoadedModel[]
  ngrams: NgramStore | undefined
  grammars: Grammars | undefined
  costKey: string
  selfCheck: SelfCheck
  tuning: Tuning
  numerics: NumericsInUse
  gate: Gate
}

/** Requests that wait; each sample of a request counts. */
export const MAX_WAITING = 1024

export async function loadEngine(options: EngineOptions, internals: EngineInternals): Promise<LoadedEngine> {
  const begin = performance.now()
  const { signal, onProgress } = options
  throwIfAborted(signal, 'download')
  const settings = readSettings(options)
  const gpu = await Gpu.open({ timestamps: internals.profile, device: internals.device })
  gpu.loading = signal
  const context: LoadContext = { signal, onProgress }
  let open: OpenModels | undefined
  try {
    const maxBytes = Math.min(
      largestBinding(gpu.limits),
      internals.maxBindingBytes ?? Number.POSITIVE_INFINITY,
    )
    open = await openModels(options, maxBytes)
    const timestamps = internals.profile === true && gpu.device.features.has('timestamp-query')
    const plan = await allocate(gpu, {
      ...memoryRequest(open, settings, maxBytes, gpu.isSoftware),
      timestamps,
      ...(internals.maxBlocks === undefined ? {} : { maxBlocks: internals.maxBlocks }),
    })
    throwIfAborted(signal, 'upload')
    const engine = await build(gpu, plan, settings, open, context, internals)
    await warmUp(engine, performance.now() - begin, context, internals)
    throwIfAborted(signal, 'calibrate')
    gpu.loading = undefined
    return engine
  } catch (error) {
    const known = await gpu.explain(error)
    await Promise.all((open?.models ?? []).map(model => model.reader.close()))
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
  settings: Settings,
  open: OpenModels,
  context: LoadContext,
  internals: EngineInternals,
): Promise<LoadedEngine> {
  const { sizes, stepData, readbacks } = plan
  const { gate = new Gate(), guess, policy, kernels, profile } = internals
  const resident = createResident(gpu, plan.resident, sizes, stepData)
  const { models, tuning, numerics } = await buildModels(
    gpu,
    plan,
    settings,
    open,
    resident,
    context,
    internals,
  )
  throwIfAborted(context.signal, 'compile')
  const numHeads = open.heads?.numHeads ?? 0
  const runner = await Runner.create(gpu, resident, stepData, models, readbacks, {
    ...(kernels?.accept ? { accept: kernels.accept } : {}),
    numHeads,
    timers: profile ? plan.timers.map(timer => new GpuTimer(gpu, timer)) : [],
  })
  const target = open.models[0]!
  const drafts = open.models.slice(1)
  const check = await selfCheck(runner, target.config.vocab, settings.trees)
  const { ngramCache, grammars } = settings
  const ngrams = ngramCache === undefined ? undefined : await NgramStore.open(ngramCache, target.tokenizer)
  const scheduler = new Scheduler({
    ...sizes,
    maxWaiting: MAX_WAITING,
    numDrafts: drafts.length,
    numHeads,
    trees: check.trees,
    ngramCache: ngrams?.cache,
    ...(guess ? { guess } : {}),
    ...(policy ? { policy } : {}),
  })
  const identities = [...drafts, ...(open.heads ? [open.heads] : [])].map(({ identity }) => identity)
  return {
    gpu,
    scheduler,
    runner,
    sizes,
    target: loadedModel(target),
    drafts: drafts.map(loadedModel),
    ngrams,
    grammars: grammars === undefined ? undefined : new Grammars(grammars, target.tokenizer),
    selfCheck: check,
    tuning,
    numerics,
    gate,
    costKey: costKey(gpu.adapterName, target.identity, identities, `${tuning.cut}, ${numerics.used}`),
  }
}

/** Weights and kernels of one model after the other. */
async function buildModels(
  gpu: Gpu,
  plan: MemoryPlan,
  { kvType, trees, numerics }: Settings,
  { models, heads }: OpenModels,
  resident: Resident,
  context: LoadContext,
  internals: EngineInternals,
): Promise<{ models: Llama[]; tuning: Tuning; numerics: NumericsInUse }> {
  const { kernels } = internals
  const llamas: Llama[] = []
  let tuned: (Tuned & { numerics: NumericsInUse }) | undefined
  for (const [i, model] of models.entries()) {
    const file = i === 0 ? 'model' : DRAFT_MODELS[i - 1]!
    const weights = await uploadModel(gpu, model, file, context)
    // The target's choice serves its drafts too.
    tuned ??= await tuneFor(gpu, models[0]!, weights, plan, resident, numerics, internals)
    const options = {
      kvType,
      // Of the drafts, the first draws trees.
      trees: trees && i <= 1,
      isDraft: i > 0,
      twins: model.twins,
      ...(i === 0 && heads ? { heads: await uploadHeads(gpu, heads, plan.heads!, context.signal) } : {}),
      deviceProfile: tuned.cut,
      numerics: tuned.numerics.used,
      ...(kernels ? { kernels } : {}),
    }
    llamas.push(await buildLlama(gpu, model.config, weights, resident, plan.llamas[i]!, options))
    context.onProgress?.({ phase: 'compile', loaded: 1, total: 1, file })
  }
  return { models: llamas, tuning: tuned!.tuning, numerics: tuned!.numerics }
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

async function tuneFor(
  gpu: Gpu,
  { identity }: OpenModel,
  { layers }: ModelWeights,
  { llamas }: MemoryPlan,
  resident: Resident,
  asked: Numerics,
  { kernels, deviceProfile, cuts, tuningMs, trustFast }: EngineInternals,
): Promise<Tuned & { numerics: NumericsInUse }> {
  const given = deviceProfile && ([{ ...deviceProfile, name: 'given' }] as const)
  const { activations, quantised } = llamas[0]!
  const timer = new CutTimer(
    gpu,
    { ...allKernels, ...kernels },
    layers,
    resident,
    gpu.buffers(activations),
    quantised && gpu.buffer(quantised),
  )
  const tuned = await tune(
    timer,
    cuts ?? given ?? deviceCuts(gpu),
    cutKey(gpu.adapterName, identity),
    tuningMs,
  )
  const key = speedupKey(gpu.adapterName, identity, tuned.cut.name)
  const trial = { timer, cut: tuned.cut, layers, key, trustFast }
  return { ...tuned, numerics: await chooseNumerics(asked, trial) }
}

/** What is left of it once the file is read. */
function loadedModel({ name, format, config, tokenizer, layout, vocabulary }: OpenModel): LoadedModel {
  return { name, format, config, tokenizer, numParameters: layout.numParameters, vocabulary }
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
  if (await restoreCosts(engine.costKey, scheduler.cost)) return
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
