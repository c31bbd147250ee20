/** What an engine's steps did while some work was done, each with its share of the clock. */
import type { Engine, StepEvent } from '@foretoken/engine'
import { unlessAborted } from './unless-aborted'

export interface RecordedStep extends StepEvent {
  /** From the end of the step before, or from the beginning, to its own: CPU work between steps is in it. */
  wallMs: number
}

export interface Output {
  tokens: number
  seconds: number
}

/** Runs `work`, which sends requests, and records its steps: from the first that reads a prompt on. */
export async function recordSteps<T>(
  engine: Engine,
  work: () => Promise<T>,
): Promise<{ result: T; steps: RecordedStep[] }> {
  const controller = new AbortController()
  const steps: RecordedStep[] = []
  let last = performance.now()
  const listening = (async () => {
    for await (const event of engine.steps({ signal: controller.signal })) {
      const now = performance.now()
      // A step that was planned ahead for requests that have ended may still come in.
      if (steps.length > 0 || event.promptRows > 0) steps.push({ ...event, wallMs: now - last })
      last = now
    }
  })().catch(unlessAborted(controller.signal))
  try {
    return { result: await work(), steps }
  } finally {
    controller.abort()
    await listening
  }
}

/**
 * All tokens, and all the time from the first prompt on. Prompts are in it, the same for every choice: where requests join
 * while others draft, steps without a prompt are few, and not those that drafts were good for.
 */
export function outputOf(steps: readonly RecordedStep[]): Output {
  const tokens = steps.flatMap(({ requests }) => requests).reduce((sum, part) => sum + part.tokens, 0)
  return { tokens, seconds: steps.reduce((sum, { wallMs }) => sum + wallMs, 0) / 1000 }
}
