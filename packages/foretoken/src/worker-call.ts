/** One long call to a worker of its own: it tells its progress and can be aborted. */
import type { LoadProgress } from '@foretoken/engine/types'
import { abortedError, EngineError, isEngineError, throwIfAborted } from '@foretoken/errors'
import { type Remote, transfer } from 'comlink'
import type { ClientMessage, LoadMessage, Outcome, WorkerSurface } from './protocol.ts'
import { WorkerLink } from './worker-link.ts'
import { startWorker } from './worker-url.ts'

/** How long a worker may take to stop in good order before it is terminated. */
const abortGraceMs = 1000

export interface CallOptions {
  onProgress?: ((progress: LoadProgress) => void) | undefined
  signal?: AbortSignal | undefined
}

export function openLink(): WorkerLink {
  try {
    return new WorkerLink(startWorker())
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EngineError('internal', `The worker could not be started: ${reason}`, { reason }, error)
  }
}

export async function callWorker<T>(
  link: WorkerLink,
  call: (remote: Remote<WorkerSurface>, port: MessagePort) => Promise<Outcome<T>>,
  { onProgress, signal }: CallOptions,
): Promise<T> {
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
    const result = await link.call(remote => call(remote, transfer(workerPort, [workerPort])))
    throwIfAborted(signal, phase)
    return result
  } catch (error) {
    const isAborted = isEngineError(error) && error.code === 'aborted'
    throw signal?.aborted && !isAborted ? abortedError(phase) : error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    port.close()
  }
}
