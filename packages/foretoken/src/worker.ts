/** The worker's entry: one engine behind the protocol. */
import { deleteModel, Engine, listModels, preflight, storageUse } from '@foretoken/engine'
import type { LoadProgress, StepEvent, TokenBatch } from '@foretoken/engine/types'
import { EngineError, toWireError } from '@foretoken/errors'
import { expose, transfer } from 'comlink'
import type { ClientMessage, LoadMessage, Outcome, PushMessage, WorkerSurface } from './protocol.ts'

let engine: Engine | undefined

function loadedEngine(): Engine {
  if (!engine)
    throw new EngineError('internal', 'The worker holds no engine: it was not loaded or is disposed.')
  return engine
}

async function outcome<T>(call: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await call() }
  } catch (error) {
    return { ok: false, error: toWireError(error) }
  }
}

/** Fires when the client sends `abort`. */
function abortSignal(port: MessagePort): AbortSignal {
  const controller = new AbortController()
  port.onmessage = ({ data }: MessageEvent<ClientMessage>) => {
    if (data.type === 'abort') controller.abort()
  }
  return controller.signal
}

/** Tells the client every item, and how it ended, until it sends `abort`. */
async function push<T extends TokenBatch | StepEvent>(
  port: MessagePort,
  items: (signal: AbortSignal) => AsyncIterable<T>,
): Promise<void> {
  const signal = abortSignal(port)
  const tell = (message: PushMessage<T>) => port.postMessage(message)
  try {
    for await (const item of items(signal)) tell({ type: 'item', item })
    tell({ type: 'end' })
  } catch (error) {
    tell({ type: 'error', error: toWireError(error) })
  }
  port.close()
}

const surface: WorkerSurface = {
  async load(options, port) {
    const signal = abortSignal(port)
    const tell = (message: LoadMessage) => port.postMessage(message)
    const onProgress = (progress: LoadProgress) => tell({ type: 'progress', progress })
    const loaded = await outcome(async () => {
      engine = await Engine.load({ ...options, onProgress, signal })
      return { name: engine.stats().model.name }
    })
    port.close()
    return loaded
  },

  async preflight(options, port) {
    const signal = abortSignal(port)
    const found = await outcome(() => preflight({ ...options, signal }))
    port.close()
    return found
  },

  generate: (options, port) => push(port, signal => loadedEngine().generate({ ...options, signal })),

  steps: port => push(port, signal => loadedEngine().steps({ signal })),

  tokenize: text => outcome(() => loadedEngine().tokenize(text)),

  async forward(tokens) {
    const result = await outcome(() => loadedEngine().forward(tokens))
    return result.ok ? transfer(result, [result.value.logits.buffer as ArrayBuffer]) : result
  },

  clearNgramCache: () => outcome(() => loadedEngine().clearNgramCache()),

  stats: () => outcome(() => loadedEngine().stats()),

  adviseDraft: candidates => outcome(() => loadedEngine().adviseDraft(candidates)),

  listModels: () => outcome(listModels),

  storageUse: () => outcome(storageUse),

  deleteModel: source => outcome(() => deleteModel(source)),

  dispose: () =>
    outcome(async () => {
      const disposed = engine
      engine = undefined
      await disposed?.dispose()
    }),
}

expose(surface)
