/** What the samples of a request have committed, until its consumer comes for it. */
import type { EngineError } from '@foretoken/errors'
import type { TokenBatch } from './types'

export class BatchQueue {
  readonly #batches: TokenBatch[] = []
  #numOpen: number
  #numTokens = 0
  #error: EngineError | undefined
  #wake: (() => void) | undefined

  /** Ends with the last batch of each of so many samples. */
  constructor(numSamples: number) {
    this.#numOpen = numSamples
  }

  /** Tokens handed out so far, of all samples. */
  get numTokens(): number {
    return this.#numTokens
  }

  push(batch: TokenBatch): void {
    this.#batches.push(batch)
    this.#numTokens += batch.tokens.length
    if (batch.finishReason) this.#numOpen--
    this.#wake?.()
  }

  fail(error: EngineError): void {
    this.#error ??= error
    this.#wake?.()
  }

  /** Batches until the end; what came before an error is still handed out. */
  async *batches(): AsyncGenerator<TokenBatch, void, void> {
    for (;;) {
      const batch = this.#batches.shift()
      if (batch) {
        yield batch
        continue
      }
      if (this.#numOpen === 0) return
      if (this.#error) throw this.#error
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}
