/** The client's hold on the worker: calls with typed errors, and one end for all of them. */
import { EngineError, fromWireError } from '@foretoken/errors'
import { type Remote, wrap } from 'comlink'
import type { Outcome, WorkerSurface } from './protocol.ts'

/** How long a worker may take to free the GPU in good order before it is terminated. */
const disposeGraceMs = 2000

type OnClose = (reason: EngineError) => void

export class WorkerLink {
  readonly #worker: Worker
  readonly #remote: Remote<WorkerSurface>
  readonly #watchers = new Set<OnClose>()
  #closed: EngineError | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    this.#remote = wrap<WorkerSurface>(worker)
    worker.addEventListener('error', event => this.close(deathOf(event)))
    worker.addEventListener('messageerror', () =>
      this.close(new EngineError('internal', 'A message of the worker could not be read.')),
    )
  }

  /** Rejects with the worker's error, or with the reason for which the link was closed meanwhile. */
  async call<T>(run: (remote: Remote<WorkerSurface>) => Promise<Outcome<T>>): Promise<T> {
    const outcome = await this.race(run)
    if (!outcome.ok) throw fromWireError(outcome.error)
    return outcome.value
  }

  async race<T>(run: (remote: Remote<WorkerSurface>) => Promise<T>): Promise<T> {
    let release = () => {}
    const closed = new Promise<never>((_, reject) => {
      release = this.watch(reject)
    })
    try {
      return await Promise.race([closed, this.#closed ? closed : run(this.#remote)])
    } catch (error) {
      throw isCloneError(error) ? unsendable(error) : error
    } finally {
      release()
    }
  }

  /** Calls back once when the link closes, at once if it is closed. Returns the release. */
  watch(onClose: OnClose): () => void {
    if (this.#closed) onClose(this.#closed)
    else this.#watchers.add(onClose)
    return () => this.#watchers.delete(onClose)
  }

  /** Ends all that is pending with `reason` and refuses what comes later; the worker is gone. */
  close(reason: EngineError): void {
    if (this.#end(reason)) this.#worker.terminate()
  }

  /** Like `close`, but lets the engine free the GPU first. */
  async dispose(reason: EngineError): Promise<void> {
    if (!this.#end(reason)) return
    await Promise.race([this.#remote.dispose(), new Promise(resolve => setTimeout(resolve, disposeGraceMs))])
    this.#worker.terminate()
  }

  #end(reason: EngineError): boolean {
    if (this.#closed) return false
    this.#closed = reason
    for (const onClose of this.#watchers) onClose(reason)
    this.#watchers.clear()
    return true
  }
}

/** A script that cannot be fetched or parsed gives an event without a message. */
function deathOf(event: ErrorEvent): EngineError {
  const reason = event.message || 'its script could not be loaded'
  const { filename, lineno } = event
  return new EngineError('internal', `The worker failed: ${reason}.`, { reason, filename, lineno })
}

function isCloneError(error: unknown): error is DOMException {
  return error instanceof DOMException && error.name === 'DataCloneError'
}

function unsendable(error: DOMException): EngineError {
  return new EngineError('bad-request', `An option cannot be sent to the worker: ${error.message}`, {
    argument: 'options',
    allowed: 'plain data',
  })
}
