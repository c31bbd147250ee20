/** The page's side of the bad-input tests: everything goes through the package's public entry. */
import { stories40K } from '@foretoken/tiny-models/family'
import {
  createEngine,
  type Engine,
  type EngineError,
  type EngineOptions,
  type GenerateOptions,
  isEngineError,
  type LoadProgress,
  preflight,
} from 'foretoken'
import { tellWorkers } from '../hub/tell-workers'

export interface Failure {
  code: EngineError['code']
  message: string
  details: EngineError['details']
}

/** Workers that load at the same time. */
const numLanes = 4
/** Longer than anything takes that does not hang. */
const patienceMs = 30_000

/** The smallest model there is: some tests load it a hundred times. The odd models are made from it. */
const model = stories40K.href
const prompt = 'Once upon a time'
/** Longer than any test waits for. */
export const endless = { prompt, maxTokens: 400, ignoreEos: true } as const

/** What a promise is rejected with, which must be an EngineError on this side of the worker. */
async function failureOf(promise: Promise<unknown>, attempt = 'this'): Promise<Failure> {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`${attempt}: nothing within ${patienceMs} ms`)), patienceMs)
  })
  const error: unknown = await Promise.race([promise, late]).then(
    () => new Error(`${attempt} should fail, but succeeded`),
    reason => reason,
  )
  if (!isEngineError(error) || !(error instanceof Error)) throw error
  const { code, message, details } = error
  return { code, message, details }
}

async function load(options: EngineOptions): Promise<void> {
  const engine = await createEngine(options)
  await engine.dispose()
}

const loadFailures = (options: readonly EngineOptions[]) => allFailures(options, load)

async function allFailures<T>(of: readonly T[], attempt: (each: T) => Promise<unknown>): Promise<Failure[]> {
  const failures: Failure[] = []
  let next = 0
  const lane = async () => {
    while (next < of.length) {
      const index = next++
      failures[index] = await failureOf(attempt(of[index]!), `attempt ${index}`)
    }
  }
  await Promise.all(Array.from({ length: numLanes }, lane))
  return failures
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

async function idsOf(engine: Engine, options: GenerateOptions): Promise<number[]> {
  const ids: number[] = []
  for await (const { tokens } of engine.generate(options)) ids.push(...tokens)
  return ids
}

/** Ids of a greedy and of a drawn answer. */
async function answer(engine: Engine): Promise<number[][]> {
  const common = { prompt, maxTokens: 8, ignoreEos: true }
  return [
    await idsOf(engine, common),
    await idsOf(engine, { ...common, temperature: 0.8, seed: 7, speculation: 'off' }),
  ]
}

class Harness {
  #engine: Engine | undefined
  #abort = new AbortController()
  /** Of the abortable load. */
  loadedBytes = 0
  readonly model = model
  readonly createEngine = createEngine
  readonly failureOf = failureOf
  readonly loadFailures = loadFailures
  readonly drain = drain
  readonly tellWorkers = tellWorkers

  get engine(): Engine {
    if (!this.#engine) throw new Error('no engine is open')
    return this.#engine
  }

  async open(options: Omit<EngineOptions, 'model'>): Promise<void> {
    this.#engine = await createEngine({ model, ...options })
  }

  async close(): Promise<void> {
    await this.#engine?.dispose()
    this.#engine = undefined
  }

  /** What the open engine answers now. */
  answer(): Promise<number[][]> {
    return answer(this.engine)
  }

  /** What a new engine answers, with the usual model or this file. */
  async freshAnswer(file?: Uint8Array<ArrayBuffer>): Promise<number[][]> {
    const engine = await createEngine({ model: file ? new Blob([file]) : model })
    const ids = await answer(engine)
    await engine.dispose()
    return ids
  }

  fileFailures(files: readonly Uint8Array<ArrayBuffer>[]): Promise<Failure[]> {
    return loadFailures(files.map(file => ({ model: new Blob([file]) })))
  }

  /** What a look at the headers says of each. */
  preflightFailures(files: readonly Uint8Array<ArrayBuffer>[]): Promise<Failure[]> {
    return allFailures(files, file => preflight(new Blob([file])))
  }

  /** Aborts at the first progress that is of this phase. */
  async abortedLoad(phase: LoadProgress['phase']): Promise<Failure> {
    const controller = new AbortController()
    const { signal } = controller
    const onProgress = (progress: LoadProgress) => progress.phase === phase && controller.abort()
    return failureOf(load({ model, signal, onProgress }))
  }

  /** Begins a load that `abort` ends. */
  abortableLoad(model: string): Promise<Failure> {
    this.#abort = new AbortController()
    this.loadedBytes = 0
    const onProgress = ({ loaded }: LoadProgress) => {
      this.loadedBytes = loaded
    }
    return failureOf(load({ model, signal: this.#abort.signal, onProgress }))
  }

  abort(): void {
    this.#abort.abort()
  }

  /** Of each, one after the other. */
  async generateFailures(requests: readonly Record<string, unknown>[]): Promise<Failure[]> {
    const failures: Failure[] = []
    for (const request of requests) {
      failures.push(
        await failureOf(
          drain(this.engine.generate({ ...endless, ...request } as GenerateOptions)),
          Object.keys(request).join(),
        ),
      )
    }
    return failures
  }

  /** Of each, once for the whole answer and once streamed. */
  async chatFailures(requests: readonly Record<string, unknown>[]): Promise<[Failure, Failure][]> {
    const { create } = this.engine.chat.completions
    const failures: [Failure, Failure][] = []
    for (const options of requests) {
      const request = { messages: [{ role: 'user', content: 'Hi' }], ...options }
      const streamed = create({ ...request, stream: true } as const).then(drain)
      failures.push([
        await failureOf(create(request), Object.keys(options).join()),
        await failureOf(streamed),
      ])
    }
    return failures
  }

  /** Aborted after a few batches; what came before is delivered. */
  async abortedGeneration(): Promise<{ failure: Failure; numBatches: number }> {
    const controller = new AbortController()
    let numBatches = 0
    const consume = async () => {
      for await (const _ of this.engine.generate({ ...endless, signal: controller.signal })) {
        if (++numBatches === 3) controller.abort()
      }
    }
    return { failure: await failureOf(consume()), numBatches }
  }

  async leaveEarly(): Promise<void> {
    for await (const { tokens } of this.engine.generate(endless)) if (tokens.length > 0) break
  }

  /** An engine of its own is disposed of while it generates: the request, then a call that comes later. */
  async disposedGeneration(): Promise<Failure[]> {
    const engine = await createEngine({ model })
    const batches = engine.generate(endless)
    await batches.next()
    const [failure] = await Promise.all([failureOf(drain(batches)), engine.dispose()])
    return [failure, await failureOf(drain(engine.generate(endless))), await failureOf(engine.stats())]
  }

  /** Many requests at once, all ended when the first is refused: how many ended with which code. */
  async overload(
    numRequests: number,
  ): Promise<{ codes: Record<string, number>; refusal: Failure | undefined }> {
    const controller = new AbortController()
    const { signal } = controller
    const codes: Record<string, number> = {}
    let refusal: Failure | undefined
    const request = async () => {
      const failure = await failureOf(drain(this.engine.generate({ ...endless, signal })))
      codes[failure.code] = (codes[failure.code] ?? 0) + 1
      if (failure.code !== 'overloaded') return
      refusal = failure
      controller.abort()
    }
    await Promise.all(Array.from({ length: numRequests }, request))
    return { codes, refusal }
  }
}

declare global {
  var harness: Harness
}

globalThis.harness = new Harness()
