/** Keeps a number of requests of a workload going until it is stopped. */
import type { PolicyName } from '@foretoken/scheduler'
import type { Engine } from 'foretoken'
import { promptOf, type Workload } from './workloads.ts'

export interface RunOptions {
  workload: Workload
  concurrency: number
  policy: PolicyName
}

const MAX_TOKENS = 160

export class WorkloadRun {
  readonly #abort = new AbortController()
  readonly #begun = performance.now()
  #numTokens = 0
  #numStarted = 0
  /** Settles when the last request has ended; rejects with what went wrong. */
  readonly done: Promise<void>

  constructor(
    readonly engine: Engine,
    readonly options: RunOptions,
  ) {
    const lanes = Array.from({ length: options.concurrency }, () => this.#lane())
    this.done = Promise.all(lanes).then(() => {})
  }

  get tokensPerSecond(): number {
    return (1000 * this.#numTokens) / (performance.now() - this.#begun)
  }

  stop(): void {
    this.#abort.abort()
  }

  /** One request after the other. */
  async #lane(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      const { prompt, seed } = promptOf(this.options.workload, this.#numStarted++)
      const messages = [{ role: 'user', content: prompt }]
      const request = {
        messages,
        seed,
        temperature: 0.7,
        maxTokens: MAX_TOKENS,
        policy: this.options.policy,
        signal,
      }
      try {
        for await (const { tokens } of this.engine.generate(request)) this.#numTokens += tokens.length
      } catch (error) {
        if (signal.aborted) return
        this.#abort.abort()
        throw error
      }
    }
  }
}
