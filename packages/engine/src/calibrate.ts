/** Measures what target and draft passes cost on this device, with steps like the real ones. */
import { throwIfAborted } from '@foretoken/errors'
import { MAX_DEPTH, type Pass, type Scheduler, Sequence, type Step } from '@foretoken/scheduler'
import type { Runner } from './runner'

/** The order in which cells are worth having; the rest is filled in by live steps. */
const TARGET_ROWS = [1, 5, 9, 3, 17, 2, 4, 7, 13]
const REPEATS = 3
const START = 24
const DRAFT_PASSES = 4

export interface Calibration {
  runner: Runner
  scheduler: Scheduler
  hasDraft: boolean
  budgetMs: number
  signal: AbortSignal | undefined
  onProgress: (done: number, total: number) => void
}

export async function calibrate({
  runner,
  scheduler,
  hasDraft,
  budgetMs,
  signal,
  onProgress,
}: Calibration): Promise<void> {
  const { maxRows, maxSamples, maxConcurrent } = runner.resident.sizes
  const sequence = dummySequence()
  const begin = performance.now()
  const jobs: Array<() => Promise<void>> = []
  const time = async (step: Step): Promise<number> => {
    const start = performance.now()
    await runner.execute(step)
    return performance.now() - start
  }
  const measureTarget = async (rows: number): Promise<void> => {
    scheduler.cost.target.observe(
      rows,
      await time({ ...emptyStep(), targetPass: verifyPass(sequence, rows) }),
    )
  }
  const measureDraft = async (): Promise<void> => {
    const draftPasses = Array.from({ length: DRAFT_PASSES }, (_, i) => drawPass(sequence, START + i))
    const ms = await time({ ...emptyStep(), draftPasses, targetPass: verifyPass(sequence, 1) })
    scheduler.cost.draft.observe(1, (ms - scheduler.cost.target.at(1)) / DRAFT_PASSES)
  }

  for (const rows of TARGET_ROWS.filter(
    rows => rows <= Math.min(maxRows, maxSamples, MAX_DEPTH + maxConcurrent),
  )) {
    for (let i = 0; i < REPEATS; i++) jobs.push(() => measureTarget(rows))
    if (rows === 1 && hasDraft) for (let i = 0; i < REPEATS; i++) jobs.push(measureDraft)
  }
  runner.admit(sequence)
  // The first step of a shape pays for what the driver does lazily.
  await time({ ...emptyStep(), targetPass: verifyPass(sequence, 1) })
  if (hasDraft)
    await time({
      ...emptyStep(),
      draftPasses: [drawPass(sequence, START)],
      targetPass: verifyPass(sequence, 1),
    })
  for (const [i, job] of jobs.entries()) {
    throwIfAborted(signal, 'calibrate')
    // Off and one draft step are always measured.
    if (i >= 2 * REPEATS && performance.now() - begin > budgetMs) break
    await job()
    onProgress(i + 1, jobs.length)
  }
}

/** A sequence that is no one's: index 0 and block 0, before anybody else has them. */
function dummySequence(): Sequence {
  const sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 }
  const prompt = new Array<number>(START).fill(0)
  const request = { prompt, maxTokens: MAX_DEPTH + 2, sampling, endIds: [], speculation: 'off' as const }
  const sequence = new Sequence(request, START + MAX_DEPTH + 2)
  sequence.index = 0
  sequence.blocks = [0]
  return sequence
}

const emptyStep = (): Omit<Step, 'targetPass'> => ({ draftPasses: [], guesses: [], choices: new Map() })

function verifyPass(sequence: Sequence, numRows: number): Pass {
  const rows = Array.from({ length: numRows }, (_, i) => ({ sequence, position: START - 1 + i }))
  const samples = rows.map(({ position }, row) => ({ row, sequence, position: position + 1 }))
  return { rows, samples, verdicts: [{ sequence, length: START, firstSample: 0, depth: numRows - 1 }] }
}

function drawPass(sequence: Sequence, position: number): Pass {
  return {
    rows: [{ sequence, position: position - 1 }],
    samples: [{ row: 0, sequence, position }],
    verdicts: [],
  }
}
