/** What the worker pushes, seen from the client: nothing asks for the next item. */
import type { StepEvent, TokenBatch } from '@foretoken/engine/types'
import { abortedError, fromWireError, throwIfAborted, toWireError } from '@foretoken/errors'
import { type Remote, transfer } from 'comlink'
import { checkSignal } from './check-options.ts'
import type { ClientMessage, PushMessage, WorkerSurface } from './protocol.ts'
import type { WorkerLink } from './worker-link.ts'

/** Messages wait here until the consumer comes for them, so none is lost. */
class Inbox<Message> {
  readonly #messages: Message[] = []
  #wake = () => {}

  push(message: Message): void {
    this.#messages.push(message)
    this.#wake()
  }

  async next(): Promise<Message> {
    for (;;) {
      const message = this.#messages.shift()
      if (message) return message
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

/**
 * What `call` has the worker push over a port. Leaving the loop stops the worker, and so does the signal; what had
 * arrived by then is still delivered before `aborted` is thrown.
 */
export async function* pushStream<T extends TokenBatch | StepEvent>(
  link: WorkerLink,
  call: (remote: Remote<WorkerSurface>, port: MessagePort) => Promise<void>,
  { phase, signal }: { phase: string; signal?: AbortSignal | undefined },
): AsyncGenerator<T, void, void> {
  checkSignal(signal)
  throwIfAborted(signal, phase)
  const { port1: port, port2: workerPort } = new MessageChannel()
  const inbox = new Inbox<PushMessage<T>>()
  const tell = (message: ClientMessage) => port.postMessage(message)
  const fail = (reason: unknown) => inbox.push({ type: 'error', error: toWireError(reason) })
  const onAbort = () => {
    tell({ type: 'abort' })
    fail(abortedError(phase))
  }
  port.onmessage = ({ data }: MessageEvent<PushMessage<T>>) => inbox.push(data)
  signal?.addEventListener('abort', onAbort)
  // A call that cannot be sent and a worker that dies both end here; the worker's own end does not.
  link.race(remote => call(remote, transfer(workerPort, [workerPort]))).catch(fail)
  try {
    for (;;) {
      const message = await inbox.next()
      if (message.type === 'end') return
      if (message.type === 'error') throw fromWireError(message.error)
      yield message.item
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    tell({ type: 'abort' }) // the worker no longer listens if it has come to an end
    port.close()
  }
}
