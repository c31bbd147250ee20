/** Starts a worker and loads an engine in it. */
import type { EngineOptions, LoadProgress } from '@foretoken/engine/types'
import { abortedError, EngineError, isEngineError, throwIfAborted } from '@foretoken/errors'
import { transfer } from 'comlink'
import { checkOnProgress, checkOptions, checkSignal } from './check-options.ts'
import { EngineClient } from './engine-client.ts'
import { resolveSource } from './model-address.ts'
import type { ClientMessage, LoadedModel, LoadMessage, WireEngineOptions } from './protocol.ts'
import type { Engine } from './types.ts'
import { WorkerLink } from './worker-link.ts'
import { startWorker } from './worker-url.ts'

/** How long a worker may take to stop loading in good order before it is terminated. */
const abortGraceMs = 1000

export async function createEngine(options: EngineOptions): Promise<Engine> {
  checkOptions(options)
  const { model, draft = defaultDraft(model), onProgress, signal, ...others } = options
  checkSignal(signal)
  checkOnProgress(onProgress)
  throwIfAborted(signal, 'start')
  const request: WireEngineOptions = { ...others, model: resolveSource(model, 'model') }
  if (draft !== undefined) request.draft = resolveSource(draft, 'draft')
  const link = openLink()
  try {
    return new EngineClient(link, await load(link, request, onProgress, signal))
  } catch (error) {
    link.close(abortedError('load'))
    throw error
  }
}

/** The bundled model brings its draft. */
function defaultDraft(model: unknown): 'bundled' | undefined {
  return model === 'bundled' ? 'bundled' : undefined
}

function openLink(): WorkerLink {
  try {
    return new WorkerLink(startWorker())
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EngineError('internal', `The worker could not be started: ${reason}`, { reason }, error)
  }
}

async function load(
  link: WorkerLink,
  options: WireEngineOptions,
  onProgress: ((progress: LoadProgress) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<LoadedModel> {
  const { port1: port, port2: workerPort } = new MessageChannel()
  const tell = (message: ClientMessage) => port.postMessage(message)
  let phase: string = 'start'
  port.onmessage = ({ data }: MessageEvent<LoadMessage>) => {
    phase = data.progress.phase
    if (!signal?.aborted) onProgress?.(data.progress)
  }
  const onAbort = () => {
    tell({ type: 'abort' })
    setTimeout(() => link.close(abortedError(phase)), abortGraceMs)
  }
  signal?.addEventListener('abort', onAbort)
  try {
    const loaded = await link.call(remote => remote.load(options, transfer(workerPort, [workerPort])))
    throwIfAborted(signal, phase)
    return loaded
  } catch (error) {
    const isAborted = isEngineError(error) && error.code === 'aborted'
    throw signal?.aborted && !isAborted ? abortedError(phase) : error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    port.close()
  }
}
