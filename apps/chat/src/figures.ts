/** Counts of one answer, from its batches. No DOM, no clock of its own. */
import type { TokenBatch } from 'foretoken'

export type Method = TokenBatch['speculation']['method']
export type TokenSource = TokenBatch['sources'][number]

export const methods: readonly Method[] = [
  'off',
  'draft',
  'draft-2',
  'draft-3',
  'lookup',
  'cache',
  'heads',
  'draft-tree',
  'heads-tree',
  'lookup-tree',
  'grammar',
]

export class Figures {
  numSteps = 0
  numTokens = 0
  numDrafted = 0
  numAccepted = 0
  readonly stepsByMethod = Object.fromEntries(methods.map(method => [method, 0])) as Record<Method, number>
  last: TokenBatch['speculation'] | undefined
  readonly #startMs: number
  #firstMs: number | undefined
  #lastMs = 0
  #numFirstTokens = 0

  constructor(startMs: number) {
    this.#startMs = startMs
  }

  add(batch: TokenBatch, nowMs: number): void {
    if (batch.tokens.length > 0) this.#addStep(batch, nowMs)
    // The chosen depth is an upper bound of what was drafted; the usage at the end is exact.
    if (batch.usage) {
      this.numAccepted = batch.usage.acceptedTokens
      this.numDrafted = batch.usage.acceptedTokens + batch.usage.rejectedTokens
    }
  }

  #addStep(batch: TokenBatch, nowMs: number): void {
    const { method, depth } = batch.speculation
    this.numSteps += 1
    this.numTokens += batch.tokens.length
    this.numDrafted += method === 'off' ? 0 : depth
    this.numAccepted += batch.sources.filter(source => source !== 'target').length
    this.stepsByMethod[method] += 1
    this.last = batch.speculation
    this.#lastMs = nowMs
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs
      this.#numFirstTokens = batch.tokens.length
    }
  }

  /** After the first step, so that reading the prompt does not count. */
  get tokensPerSecond(): number | undefined {
    if (this.#firstMs === undefined || this.#lastMs <= this.#firstMs) return undefined
    return ((this.numTokens - this.#numFirstTokens) * 1000) / (this.#lastMs - this.#firstMs)
  }

  get tokensPerStep(): number | undefined {
    return this.numSteps > 0 ? this.numTokens / this.numSteps : undefined
  }

  get acceptance(): number | undefined {
    return this.numDrafted > 0 ? this.numAccepted / this.numDrafted : undefined
  }

  get firstTokenMs(): number | undefined {
    return this.#firstMs === undefined ? undefined : this.#firstMs - this.#startMs
  }
}
