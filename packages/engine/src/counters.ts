/** What the engine counts, with vLLM's names. */
import { METHODS, type Progress } from '@foretoken/scheduler'
import type { StepOutcome } from './runner'
import { SpeculationTally } from './speculation-tally'
import type { EngineStats, SpeculationCounters, StepTimings } from './types'

export type Counted = SpeculationCounters &
  Pick<EngineStats, 'byMethod' | 'num_steps' | 'num_generated_tokens' | 'num_dispatches' | 'timeMs'>

export class Counters {
  readonly #all = new SpeculationTally()
  readonly #byMethod = new Map(METHODS.map(method => [method, new SpeculationTally()]))
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
      const accepted = sources.filter(source => source !== 'target').length
      this.#all.observe(choice.depth, accepted)
      this.#byMethod.get(choice.method)!.observe(choice.depth, accepted)
    }
  }

  snapshot(): Counted {
    const byMethod = [...this.#byMethod].map(([method, tally]) => [method, tally.snapshot()])
    return {
      ...this.#all.snapshot(),
      byMethod: Object.fromEntries(byMethod) as EngineStats['byMethod'],
      num_steps: this.numSteps,
      num_generated_tokens: this.#numTokens,
      num_dispatches: this.#numDispatches,
      timeMs: { ...this.#timeMs },
    }
  }
}
