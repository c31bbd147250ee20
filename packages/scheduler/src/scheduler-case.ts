/** What the scheduler's tests share: a small configuration, requests, and a device that obeys. */
import { expect } from 'vitest'
import type { SchedulerConfig } from './scheduler'
import type { Sequence, SequenceRequest } from './sequence'
import type { Pass, Step, Verdict } from './step'

export const config: SchedulerConfig = {
  maxConcurrent: 4,
  maxWaiting: 8,
  contextLength: 256,
  maxRows: 64,
  maxSamples: 32,
  numBlocks: 16,
  hasDraft: true,
}

export const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 }

export const request = (promptLength: number, options: Partial<SequenceRequest> = {}): SequenceRequest => ({
  prompt: Array.from({ length: promptLength }, (_, i) => i % 7),
  maxTokens: 20,
  sampling,
  endIds: [],
  speculation: 'off',
  ...options,
})

/** A device that accepts `accepted` tokens of every draft. Checks what a kernel relies on. */
export function execute(
  step: Step,
  accepted: (sequence: Sequence) => number,
  nextToken = 5,
  maxRows = config.maxRows,
): Verdict[] {
  for (const pass of [...step.draftPasses, step.targetPass]) checkPass(pass, maxRows)
  return step.targetPass.verdicts.map(({ sequence, depth }) => {
    const numAccepted = Math.min(depth, accepted(sequence))
    const tokens = new Array<number>(numAccepted + 1).fill(nextToken)
    return { sequence, tokens, numDrafted: depth, numAccepted, stopped: false }
  })
}

function checkPass({ rows, samples }: Pass, maxRows: number): void {
  expect(rows.length).toBeLessThanOrEqual(maxRows)
  expect(samples.length).toBeLessThanOrEqual(config.maxSamples)
  for (const { row, sequence, position } of samples) {
    expect(rows[row]).toEqual({ sequence, position: position - 1 })
  }
  for (const { sequence, position } of rows) {
    expect(position).toBeLessThan(sequence.maxLength)
    expect(sequence.slotOf(position)).toBeGreaterThanOrEqual(0)
  }
}
