/** One sample of a request as its consumer sees it: what a step committed, as a batch. */
import type { Progress, Sequence } from '@foretoken/scheduler'
import type { BatchQueue } from './batch-queue'
import { SpeculationTally } from './speculation-tally'
import type { TextStream } from './text-stream'
import type { FinishReason, StepTimings, TokenBatch, TokenLogprobs, Usage } from './types'

export class Generation {
  #numTokens = 0
  readonly #tally = new SpeculationTally()

  constructor(
    /** Its number, and which of its request's samples it is. */
    readonly place: Pick<TokenBatch, 'id' | 'index'>,
    readonly sequence: Sequence,
    readonly text: TextStream,
    /** Shared by all samples of the request. */
    readonly queue: BatchQueue,
  ) {}

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
    // Nothing of it is to come, as if it had ended by itself.
    if (stopped) this.sequence.finishReason = 'stop'
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
    const batch: TokenBatch = {
      ...this.place,
      tokens: progress.tokens.slice(0, count),
      text,
      sources,
      ...(logprobs ? { logprobs: logprobs.slice(0, count) } : {}),
      speculation: progress.choice,
      timings,
      ...(finish ? { finishReason: finish, usage: this.#usage() } : {}),
    }
    this.queue.push(batch)
    return finish !== undefined
  }

  #usage(): Usage {
    const speculation = this.#tally.snapshot()
    return {
      promptTokens: this.sequence.promptLength,
      cachedTokens: this.sequence.numPromptShared,
      completionTokens: this.#numTokens,
      acceptedTokens: speculation.num_accepted_tokens,
      rejectedTokens: speculation.num_draft_tokens - speculation.num_accepted_tokens,
      speculation,
    }
  }
}
