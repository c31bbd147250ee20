/**
 * What the margins of a draft are worth, how far its best logit is above the next one: of the draft that they belong to,
 * of the one behind it, and to cut drafts before they are verified. Drafts of the bundled models are recorded, and played
 * again with costs measured on this device. What cutting gains is a bound: it takes no time here, and its threshold and
 * depth are the best in hindsight, as the fixed depth is that it is compared with.
 */
import { Engine } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import {
  areaUnderCurve,
  cutGoodput,
  fixedGoodput,
  type JudgedDraft,
  logLoss,
  plannedGoodput,
  type Saving,
  type StepCosts,
  type Trace,
  traceOf,
} from './draft-trace'
import { recordSteps } from './step-record'
import { answer, requestOf, tasksOf, type Workload, workloads } from './workloads'

const drafts = ['wide', 'tiny'] as const
const temperatures = [0, 0.8]
const depth = 16
const maxTokens = 160
const context = 128
const thresholds = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
const savings: Record<string, Saving> = {
  rows: { rows: true, passes: false },
  passes: { rows: false, passes: true },
  both: { rows: true, passes: true },
}

export default async function* suite({ quick }: BenchContext): AsyncGenerator<BenchRow> {
  const numTasks = quick ? 2 : 12
  for (const draft of drafts) {
    const engine = await Engine.load(
      { model: family.target.q8_0, draft: family[draft].q8_0, maxConcurrent: numTasks },
      { skipCalibration: true },
    )
    const costs = await stepCosts(engine, quick ? 10 : 50)
    for (const [metric, value] of Object.entries(costs))
      yield { name: 'step_costs', draft, metric, value, unit: 'ms' }
    for (const temperature of temperatures) {
      const about = { draft, temperature }
      const recorded = new Map<Workload, JudgedDraft[][]>()
      for (const workload of workloads)
        recorded.set(workload, await record(engine, workload, numTasks, temperature))
      const all = [...recorded.values()].flat()
      yield* foresight(all, about)
      const { margins } = logLoss(all, true).estimate
      const chanceOf = (margin: number): number => margins.predict(margin) ?? 1
      for (const [workload, answers] of recorded)
        yield* gains(answers.map(traceOf), costs, chanceOf, { ...about, workload })
    }
    await engine.dispose()
  }
}

async function stepCosts(engine: Engine, repeats: number): Promise<StepCosts> {
  const times: Record<'one' | 'rows' | 'passes', number[]> = { one: [], rows: [], passes: [] }
  for (let i = 0; i < repeats; i++) {
    times.one.push((await engine.timeStep(0, 0, context)).ms)
    times.rows.push((await engine.timeStep(8, 0, context)).ms)
    times.passes.push((await engine.timeStep(8, 8, context)).ms)
  }
  // What disturbs a step makes it longer, never shorter.
  const [stepMs, rowsMs, passesMs] = [
    Math.min(...times.one),
    Math.min(...times.rows),
    Math.min(...times.passes),
  ]
  return { stepMs, rowMs: (rowsMs - stepMs) / 8, passMs: (passesMs - rowsMs) / 8 }
}

/** The drafts of each answer. */
async function record(
  engine: Engine,
  workload: Workload,
  numTasks: number,
  temperature: number,
): Promise<JudgedDraft[][]> {
  const { steps } = await recordSteps(engine, () =>
    Promise.all(
      tasksOf(workload)
        .slice(0, numTasks)
        .map((task, seed) =>
          answer(engine, {
            ...requestOf(task),
            temperature,
            seed,
            maxTokens,
            speculation: { method: 'draft', depth },
          }),
        ),
    ),
  )
  const answers = new Map<number, JudgedDraft[]>()
  for (const { id, depth, accepted, margins } of steps.flatMap(({ requests }) => requests)) {
    if (margins) answers.set(id, [...(answers.get(id) ?? []), { depth, accepted, margins }])
  }
  // The answer's end hides what would have become of the rest of its last draft.
  return [...answers.values()].map(drafts => {
    const { accepted, margins } = drafts.at(-1)!
    return [...drafts.slice(0, -1), ...(accepted > 0 ? [{ depth: accepted, accepted, margins }] : [])]
  })
}

function* foresight(
  answers: ReadonlyArray<readonly JudgedDraft[]>,
  about: Record<string, unknown>,
): Generator<BenchRow> {
  const row = (metric: string, value: number, unit = ''): BenchRow => ({
    name: 'margins',
    ...about,
    metric,
    value,
    unit,
  })
  const all = answers.flat()
  yield row('drafts', all.length)
  yield row('own_draft_area_under_curve', areaUnderCurve(all))
  yield row('next_draft_log_loss_without', logLoss(answers, false).perToken, 'nats')
  yield row('next_draft_log_loss_with', logLoss(answers, true).perToken, 'nats')
}

function* gains(
  traces: readonly Trace[],
  costs: StepCosts,
  chanceOf: (margin: number) => number,
  about: Record<string, unknown>,
): Generator<BenchRow> {
  const row = (name: string, value: number, more = {}): BenchRow => ({
    name,
    ...about,
    metric: 'ratio',
    value,
    unit: '',
    ...more,
  })
  const depths = Array.from({ length: depth + 1 }, (_, i) => i)
  const best = Math.max(...depths.map(each => fixedGoodput(traces, costs, each)))
  const planned = plannedGoodput(traces, costs, false)
  yield row('plan_without_margins_vs_best_fixed', planned / best)
  yield row('plan_with_margins_vs_without', plannedGoodput(traces, costs, true) / planned)
  for (const [saves, saving] of Object.entries(savings)) {
    const cut = Math.max(
      ...depths.flatMap(each =>
        thresholds.map(threshold => cutGoodput(traces, costs, { depth: each, threshold, chanceOf }, saving)),
      ),
    )
    yield row('cut_vs_best_fixed', cut / best, { saves })
  }
}
