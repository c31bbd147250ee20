/** Events of steps, for those who listen. While nobody does, none is made. */
import { abortedError, type EngineError, throwIfAborted } from '@foretoken/errors'
import type { StepEvent } from './types'

interface Listener {
  queue: StepEvent[]
  error: EngineError | undefined
  wake: () => void
}

export class StepFeed {
  readonly #listeners = new Set<Listener>()

  get isHeard(): boolean {
    return this.#listeners.size > 0
  }

  push(event: StepEvent): void {
    for (const { queue, wake } of this.#listeners) {
      queue.push(event)
      wake()
    }
  }

  /** Ends all listening, once what is queued has been heard. */
  fail(error: EngineError): void {
    for (const listener of this.#listeners) {
      listener.error ??= error
      listener.wake()
    }
  }

  /** Events from the first call of `next` on, until the signal fires or the consumer leaves. */
  async *listen(signal?: AbortSignal): AsyncGenerator<StepEvent, void, void> {
    throwIfAborted(signal, 'steps')
    const listener: Listener = { queue: [], error: undefined, wake: () => {} }
    const abort = (): void => {
      listener.error ??= abortedError('steps')
      listener.wake()
    }
    this.#listeners.add(listener)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      for (;;) {
        const event = listener.queue.shift()
        if (event) yield event
        else if (listener.error) throw listener.error
        else {
          await new Promise<void>(resolve => {
            listener.wake = resolve
          })
        }
      }
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#listeners.delete(listener)
    }
  }
}
