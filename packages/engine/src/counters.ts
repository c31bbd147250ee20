/** What the engine counts, with vLLM's names. */
import { MAX_DEPTH, type Progress } from '@foretoken/scheduler'
import type { StepOutcome } from './runner'
import type { EngineStats, SpeculationCounters, SpeculationMethod, StepTimings } from './types'

export type Counted = SpeculationCounters &
  Pick<EngineStats, 'byMethod' | 'num_steps' | 'num_generated_tokens' | 'num_dispatches' | 'timeMs'>

const zero = (): SpeculationCounters => ({
  num_drafts: 0,
  num_draft_tokens: 0,
  num_accepted_tokens: 0,
  num_accepted_tokens_per_pos: new Array<number>(MAX_DEPTH).fill(0),
})

export class Counters {
  readonly #byMethod: Record<SpeculationMethod, SpeculationCounters> = { draft: zero(), lookup: zero() }
  numSteps = 0
  #numTokens = 0
  #numDispatches = 0
  readonly #timeMs = { step: 0, cpu: 0, record: 0, gpu: 0 }

  observe(progress: readonly Progress[], outcome: StepOutcome, timings: StepTimings): void {
    this.numSteps++
    this.#numDispatches += outcome.numDispatches
    this.#timeMs.step += timings.stepMs
    this.#timeMs.cpu += timings.cpuMs
    this.#timeMs.record += outcome.recordMs
    this.#timeMs.gpu += outcome.gpuMs ?? 0
    for (const { tokens, sources, choice } of progress) {
      this.#numTokens += tokens.length
      if (choice.method === 'off') continue
      const counters = this.#byMethod[choice.method]
      const numAccepted = sources.filter(source => source !== 'target').length
      counters.num_drafts++
      counters.num_draft_tokens += choice.depth
      counters.num_accepted_tokens += numAccepted
      for (let i = 0; i < numAccepted; i++) counters.num_accepted_tokens_per_pos[i]!++
    }
  }

  snapshot(): Counted {
    const byMethod = { draft: copy(this.#byMethod.draft), lookup: copy(this.#byMethod.lookup) }
    const { draft, lookup } = byMethod
    return {
      num_drafts: draft.num_drafts + lookup.num_drafts,
      num_draft_tokens: draft.num_draft_tokens + lookup.num_draft_tokens,
      num_accepted_tokens: draft.num_accepted_tokens + lookup.num_accepted_tokens,
      num_accepted_tokens_per_pos: draft.num_accepted_tokens_per_pos.map(
        (count, i) => count + lookup.num_accepted_tokens_per_pos[i]!,
      ),
      byMethod,
      num_steps: this.numSteps,
      num_generated_tokens: this.#numTokens,
      num_dispatches: this.#numDispatches,
      timeMs: { ...this.#timeMs },
    }
  }
}

const copy = (counters: SpeculationCounters): SpeculationCounters => ({
  ...counters,
  num_accepted_tokens_per_pos: [...counters.num_accepted_tokens_per_pos],
})
