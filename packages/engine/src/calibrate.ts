/** Measures what target and draft passes cost on this device, with steps like the real ones. */
import { throwIfAborted } from '@foretoken/errors'
import {
  DRAFT_MODELS,
  type DraftModel,
  type DraftNet,
  type DraftPass,
  MAX_DEPTH,
  type Scheduler,
} from '@foretoken/scheduler'
import type { Runner } from './runner'
import { Trial } from './trial'

/** The order in which cells are worth having; the rest is filled in by live steps. */
const TARGET_ROWS = [1, 5, 9, 3, 17, 2, 4, 7, 13]
/** Of several requests in one step: whole tiles of any device, where a row more begins another. */
const ROWS_OF_MANY = [32, 64, 48]
const CONTEXT = 24
/** Of each the least counts: what else the machine does makes a step slower, nothing makes it faster. */
const ROUNDS = 3
const DRAFT_PASSES = 4

export interface Calibration {
  runner: Runner
  scheduler: Scheduler
  vocab: number
  budgetMs: number
  signal: AbortSignal | undefined
  onProgress: (done: number, total: number) => void
}

/** One kind of step, and where what it took at least belongs. */
interface Job {
  time: () => Promise<number>
  keep: (ms: number) => void
}

export async function calibrate(calibration: Calibration): Promise<void> {
  const { runner, scheduler, vocab, budgetMs, signal, onProgress } = calibration
  const models = DRAFT_MODELS.slice(0, runner.drafts.length)
  const targetRows = [...TARGET_ROWS, ...ROWS_OF_MANY.filter(rows => mayRun(rows, runner))]
  const trial = new Trial(runner, vocab, { context: CONTEXT, maxRows: Math.max(...targetRows) })
  // The first step of a shape pays for what the driver does lazily.
  await trial.time(
    trial.verify(0),
    models.map(net => trial.catchUp(net, 1)),
  )
  const jobs = jobsOf(runner, scheduler, trial, { models, targetRows })
  // Off, and one pass of whatever drafts, are always measured.
  const numNeeded = 1 + models.length + (runner.numHeads > 0 ? 1 : 0)
  const begin = performance.now()
  const least: number[] = []
  // Round by round: what slows the machine down for a while must not fall on one kind of step, to be kept as its price.
  for (let i = 0; i < ROUNDS * jobs.length; i++) {
    throwIfAborted(signal, 'calibrate')
    if (i >= numNeeded && performance.now() - begin > budgetMs) break
    const at = i % jobs.length
    least[at] = Math.min(least[at] ?? Number.POSITIVE_INFINITY, await jobs[at]!.time())
    onProgress(i + 1, ROUNDS * jobs.length)
  }
  for (const [i, ms] of least.entries()) jobs[i]!.keep(ms)
}

/** Whether as many requests as may run, with a draft of MAX_DEPTH / 2 each, have so many rows; and whether they fit. */
function mayRun(rows: number, { resident: { sizes } }: Runner): boolean {
  const { maxConcurrent, maxRows, maxSamples, contextLength } = sizes
  const most = maxConcurrent * (1 + MAX_DEPTH / 2)
  return rows <= Math.min(most, maxRows, maxSamples, contextLength - CONTEXT - 1)
}

function jobsOf(
  { numHeads }: Runner,
  { cost }: Scheduler,
  trial: Trial,
  { models, targetRows }: { models: readonly DraftModel[]; targetRows: readonly number[] },
): Job[] {
  const ofTarget = (rows: number): Job => ({
    time: () => trial.time(trial.verify(rows - 1)),
    keep: ms => cost.target.measure(rows, ms),
  })
  const ofDraft = (net: DraftNet, rows: number, pass: DraftPass, passes: number): Job => ({
    time: () => trial.time(trial.verify(0), new Array<DraftPass>(passes).fill(pass)),
    // A pass cannot cost nothing, however the noise fell.
    keep: ms => cost.of(net).measure(rows, Math.max(ms - cost.target.at(1), ms / 100) / passes),
  })
  const [first, ...others] = targetRows
  return [
    ofTarget(first!),
    ...(numHeads > 0 ? [ofDraft('heads', numHeads, trial.heads(numHeads), DRAFT_PASSES)] : []),
    ...models.map(net => ofDraft(net, 1, trial.catchUp(net, 1), DRAFT_PASSES)),
    ...models.map(net => ofDraft(net, trial.start, trial.catchUp(net, trial.start), 1)),
    ...others.map(ofTarget),
  ]
}
