/** What an engine did between two looks at its statistics. */
import type { EngineStats } from '@foretoken/engine'

export interface StatsWindow {
  steps: number
  tokens: number
  dispatches: number
  creates: number
  drafted: number
  accepted: number
  /** Steps and what the CPU does between them. */
  wallMs: number
  /** Encoding and submitting, part of `wallMs`. */
  encodeMs: number
  /** 0 where the GPU's time is not measured. */
  gpuMs: number
}

export function statsWindow(before: EngineStats, after: EngineStats): StatsWindow {
  return {
    steps: after.num_steps - before.num_steps,
    tokens: after.num_generated_tokens - before.num_generated_tokens,
    dispatches: after.num_dispatches - before.num_dispatches,
    creates: after.createsSinceReady - before.createsSinceReady,
    drafted: after.num_draft_tokens - before.num_draft_tokens,
    accepted: after.num_accepted_tokens - before.num_accepted_tokens,
    wallMs: after.timeMs.step + after.timeMs.cpu - before.timeMs.step - before.timeMs.cpu,
    encodeMs: after.timeMs.record - before.timeMs.record,
    gpuMs: after.timeMs.gpu - before.timeMs.gpu,
  }
}
