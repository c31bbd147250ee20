/** Measures what target and draft passes cost on this device, with steps like the real ones. */
import { throwIfAborted } from '@foretoken/errors'
import { DRAFT_MODELS, type DraftNet, type DraftPass, type Scheduler } from '@foretoken/scheduler'
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
  const models = DRAFT_MODELS.slice(0, runner.drafts.length)
  const { target } = scheduler.cost
  const trial = new Trial(runner, vocab)
  const measureTarget = async (rows: number): Promise<void> =>
    target.measure(rows, await leastMs(() => trial.time(trial.verify(rows - 1))))
  const measureDraft = async (
    net: DraftNet,
    rows: number,
    pass: DraftPass,
    passes: number,
  ): Promise<void> => {
    const drafts = new Array<DraftPass>(passes).fill(pass)
    const ms = await leastMs(() => trial.time(trial.verify(0), drafts))
    // A pass cannot cost nothing, however the noise fell.
    scheduler.cost.of(net).measure(rows, Math.max(ms - target.at(1), ms / 100) / passes)
  }

  const jobs: Array<() => Promise<void>> = []
  for (const rows of TARGET_ROWS) {
    jobs.push(() => measureTarget(rows))
    if (rows > 1) continue
    const { numHeads } = runner
    if (numHeads > 0) jobs.push(() => measureDraft('heads', numHeads, trial.heads(numHeads), DRAFT_PASSES))
    for (const net of models) jobs.push(() => measureDraft(net, 1, trial.catchUp(net, 1), DRAFT_PASSES))
    for (const net of models) {
      jobs.push(() => measureDraft(net, trial.start, trial.catchUp(net, trial.start), 1))
    }
  }
  const nets = models.length + (runner.numHeads > 0 ? 1 : 0)
  // The first step of a shape pays for what the driver does lazily.
  await trial.time(
    trial.verify(0),
    models.map(net => trial.catchUp(net, 1)),
  )
  const begin = performance.now()
  for (const [i, job] of jobs.entries()) {
    throwIfAborted(signal, 'calibrate')
    // Off, and one pass of whatever drafts, are always measured.
    if (i >= 1 + nets && performance.now() - begin > budgetMs) break
    await job()
    onProgress(i + 1, jobs.length)
  }
}

/** Of some repeats: what else the machine does makes a step slower, nothing makes it faster. */
async function leastMs(time: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < REPEATS; i++) least = Math.min(least, await time())
  return least
}
