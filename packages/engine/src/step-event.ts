/** What a step did, told to those who listen. */
import type { Progress, Row, Sequence, Step } from '@foretoken/scheduler'
import type { StepEvent } from './types'

/** `targetMs`: what the target's pass should have taken by itself; 0 where that is not known. */
export function stepEvent(
  { isAhead, draftPasses, targetPass }: Step,
  progress: readonly Progress[],
  { stepMs, targetMs }: { stepMs: number; targetMs: number },
  idOf: (sequence: Sequence) => number,
): Omit<StepEvent, 'step' | 'num_running' | 'num_waiting'> {
  const numRows = new Map<Sequence, number>()
  for (const { sequence } of targetPass.rows) numRows.set(sequence, (numRows.get(sequence) ?? 0) + 1)
  const gains = new Map(progress.map(gain => [gain.sequence, gain]))
  return {
    rows: targetPass.rows.length,
    samples: targetPass.samples.length,
    // A step that is planned ahead only decodes; its positions are no absolute ones.
    promptRows: isAhead ? 0 : targetPass.rows.filter(readsPrompt).length,
    requests: [...numRows].map(([sequence, rows]) => {
      const { choice, tokens, sources, margins } = gains.get(sequence) ?? NOTHING
      const accepted = sources.filter(source => source !== 'target').length
      const told = { id: idOf(sequence), rows, ...choice, accepted, tokens: tokens.length }
      return margins ? { ...told, margins } : told
    }),
    stepMs,
    ...(draftPasses.length > 0 && targetMs > 0 ? { draftMs: Math.max(0, stepMs - targetMs) } : {}),
    ahead: isAhead,
  }
}

const readsPrompt = ({ sequence, position }: Row): boolean => position < sequence.promptLength

/** Of a request whose prompt is still read, or that ended while the step was in flight. */
const NOTHING: Omit<Progress, 'sequence'> = { tokens: [], sources: [], choice: { method: 'off', depth: 0 } }
