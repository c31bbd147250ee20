/** One request, seen from the client: the worker pushes its batches, nothing asks for the next one. */
import type { GenerateOptions, TokenBatch } from '@foretoken/engine/types'
import { abortedError, fromWireError, throwIfAborted, toWireError } from '@foretoken/errors'
import { transfer } from 'comlink'
import { checkOptions, checkSignal } from './check-options.ts'
import type { ClientMessage, RequestMessage } from './protocol.ts'
import type { WorkerLink } from './worker-link.ts'

/** Messages wait here until the consumer comes for them, so none is lost. */
class Inbox {
  readonly #messages: RequestMessage[] = []
  #wake = () => {}

  push(message: RequestMessage): void {
    this.#messages.push(message)
    this.#wake()
  }

  async next(): Promise<RequestMessage> {
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
 * Batches as they are committed. Leaving the loop aborts the request, and so does the signal; batches
 * that had arrived by then are still delivered before `aborted` is thrown.
 */
export async function* streamTokens(
  link: WorkerLink,
  request: GenerateOptions,
): AsyncGenerator<TokenBatch, void, void> {
  checkOptions(request)
  const { signal, ...options } = request
  checkSignal(signal)
  throwIfAborted(signal, 'generate')
  const { port1: port, port2: workerPort } = new MessageChannel()
  const inbox = new Inbox()
  const tell = (message: ClientMessage) => port.postMessage(message)
  const fail = (reason: unknown) => inbox.push({ type: 'error', error: toWireError(reason) })
  const onAbort = () => {
    tell({ type: 'abort' })
    fail(abortedError('generate'))
  }
  port.onmessage = ({ data }: MessageEvent<RequestMessage>) => inbox.push(data)
  signal?.addEventListener('abort', onAbort)
  // A call that cannot be sent and a worker that dies both end here; the request's own end does not.
  link.race(remote => remote.generate(options, transfer(workerPort, [workerPort]))).catch(fail)
  try {
    for (;;) {
      const message = await inbox.next()
      if (message.type === 'end') return
      if (message.type === 'error') throw fromWireError(message.error)
      yield message.batch
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    tell({ type: 'abort' }) // the worker no longer listens if the request has ended
    port.close()
  }
}
