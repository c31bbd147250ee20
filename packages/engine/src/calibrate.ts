/** Measures what target and draft passes cost on this device, with steps like the real ones. */
import { throwIfAborted } from '@foretoken/errors'
import type { Pass, Scheduler } from '@foretoken/scheduler'
import type { Runner } from './runner'
import { Trial } from './trial'

/** The order in which cells are worth having; the rest is filled in by live steps. */
const TARGET_ROWS = [1, 5, 9, 3, 17, 2, 4, 7, 13]
const REPEATS = 3
const DRAFT_PASSES = 4

export interface Calibration {
  runner: Runner
  scheduler: Scheduler
  vocab: number
  budgetMs: number
  signal: AbortSignal | undefined
  onProgress: (done: number, total: number) => void
}

export async function calibrate(calibration: Calibration): Promise<void> {
  const { runner, scheduler, vocab, budgetMs, signal, onProgress } = calibration
  const hasDraft = runner.draft !== undefined
  const { target, draft } = scheduler.cost
  const trial = new Trial(runner, vocab)
  const measureTarget = async (rows: number): Promise<void> =>
    target.observe(rows, await trial.time(trial.verify(rows - 1)))
  const measureDraft = async (rows: number, passes: number): Promise<void> => {
    const ms = await trial.time(trial.verify(0), new Array<Pass>(passes).fill(trial.catchUp(rows)))
    // A pass cannot cost nothing, however the noise fell.
    draft.observe(rows, Math.max(ms - target.at(1), ms / 100) / passes)
  }

  const jobs: Array<() => Promise<void>> = []
  const repeat = (job: () => Promise<void>): void =>
    void jobs.push(...new Array<typeof job>(REPEATS).fill(job))
  for (const rows of TARGET_ROWS) {
    repeat(() => measureTarget(rows))
    if (rows > 1 || !hasDraft) continue
    repeat(() => measureDraft(1, DRAFT_PASSES))
    repeat(() => measureDraft(trial.start, 1))
  }
  // The first step of a shape pays for what the driver does lazily.
  await trial.time(trial.verify(0), hasDraft ? [trial.catchUp(1)] : [])
  const begin = performance.now()
  for (const [i, job] of jobs.entries()) {
    throwIfAborted(signal, 'calibrate')
    // Off, and one draft pass, are always measured.
    if (i >= 2 * REPEATS && performance.now() - begin > budgetMs) break
    await job()
    onProgress(i + 1, jobs.length)
  }
}
