/** One request as its consumer sees it: batches in a queue, an end, an error. */
import type { EngineError } from '@foretoken/errors'
import type { Progress, Sequence } from '@foretoken/scheduler'
import { SpeculationTally } from './speculation-tally'
import type { TextStream } from './text-stream'
import type { FinishReason, StepTimings, TokenBatch, TokenLogprobs, Usage } from './types'

export class Generation {
  readonly #queue: TokenBatch[] = []
  #error: EngineError | undefined
  #wake: (() => void) | undefined
  #done = false
  #numTokens = 0
  readonly #tally = new SpeculationTally()

  constructor(
    readonly id: number,
    readonly sequence: Sequence,
    readonly text: TextStream,
  ) {}

  /** Tokens handed out so far. */
  get numTokens(): number {
    return this.#numTokens
  }

  /** Takes in what a step committed; true when the answer is complete, by a stop text too. */
  advance(progress: Progress, timings: StepTimings, logprobs?: TokenLogprobs[]): boolean {
    let text = ''
    let stopped = false
    let count = 0
    for (const token of progress.tokens) {
      const pushed = this.text.push(token)
      text += pushed.text
      count++
      stopped = pushed.stopped
      // What was committed behind a stop text is not part of the answer.
      if (stopped) break
    }
    let finish: FinishReason | undefined = stopped ? 'stop' : undefined
    const reason = this.sequence.finishReason
    if (!stopped && (reason === 'stop' || reason === 'length')) {
      const rest = this.text.flush()
      text += rest.text
      finish = rest.stopped ? 'stop' : reason
    }
    this.#numTokens += count
    const sources = progress.sources.slice(0, count)
    const { depth } = progress.choice
    if (depth > 0) this.#tally.observe(depth, sources.filter(source => source !== 'target').length)
    this.#push({
      id: this.id,
      tokens: progress.tokens.slice(0, count),
      text,
      sources,
      ...(logprobs ? { logprobs: logprobs.slice(0, count) } : {}),
      speculation: progress.choice,
      timings,
      ...(finish ? { finishReason: finish, usage: this.#usage() } : {}),
    })
    if (finish) this.#done = true
    return finish !== undefined
  }

  fail(error: EngineError): void {
    if (this.#done) return
    this.#error = error
    this.#done = true
    this.#wake?.()
  }

  /** Batches until the end; what is queued before an error is still handed out. */
  async *batches(): AsyncGenerator<TokenBatch, void, void> {
    for (;;) {
      const batch = this.#queue.shift()
      if (batch) {
        yield batch
        continue
      }
      if (this.#error) throw this.#error
      if (this.#done) return
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  #push(batch: TokenBatch): void {
    this.#queue.push(batch)
    this.#wake?.()
  }

  #usage(): Usage {
    const speculation = this.#tally.snapshot()
    return {
      promptTokens: this.sequence.promptLength,
      completionTokens: this.#numTokens,
      acceptedTokens: speculation.num_accepted_tokens,
      rejectedTokens: speculation.num_draft_tokens - speculation.num_accepted_tokens,
      speculation,
    }
  }
}
