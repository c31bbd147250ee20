/**
 * Is the controller never behind? Tokens per second of decoding, for tasks of four kinds, 1, 4 and 16 requests at once,
 * with every fixed choice and with the controller. In every round each choice answers the same tasks, in random order, and
 * must give the same ids. The best fixed choice is selected in the even rounds and compared in the odd ones, and the other
 * way round. Ratios are medians over rounds, with the interval between order statistics that holds the true median with
 * 90 %.
 */
import { Engine, type EngineInternals } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { AUTO, fixedChoices, type NamedChoice, OFF } from './goodput-choices'
import { median } from './median'
import { type MedianInterval, medianInterval } from './median-interval'
import { offTax } from './off-tax'
import { optimalDepths } from './optimal-depths'
import { mulberry32 } from './random-model'
import { shuffled } from './shuffled'
import { outputOf, recordSteps } from './step-record'
import { answer, requestOf, tasksOf, type Workload, workloads } from './workloads'

const SEED = 5

export interface GoodputSettings {
  model: URL
  draft: URL
  workloads: readonly Workload[]
  /** Requests at once. */
  concurrencies: readonly number[]
  /** Even, for two halves. */
  rounds: number
  maxTokens: number
  /** So many of the shortest of each workload; absent: all. */
  numTasks?: number
  /** Of s_opt. */
  depths: { batches: readonly number[]; rounds: number; maxTokens: number }
  /** Of off_tax. */
  pairs: number
  /** For tests. */
  internals?: EngineInternals
}

interface Cell {
  workload: Workload
  concurrency: number
}

/** Tokens per second by round, by choice. */
type Speeds = ReadonlyMap<NamedChoice, readonly number[]>

export default function suite({ quick }: BenchContext): AsyncGenerator<BenchRow> {
  const batches = [1, 2, 4, 8, 16]
  return goodput({
    model: family.target.q8_0,
    draft: family.wide.q8_0,
    workloads,
    concurrencies: [1, 4, 16],
    ...(quick
      ? { rounds: 2, maxTokens: 16, numTasks: 4, depths: { batches, rounds: 1, maxTokens: 48 }, pairs: 3 }
      : { rounds: 10, maxTokens: 64, depths: { batches, rounds: 5, maxTokens: 64 }, pairs: 10 }),
  })
}

export async function* goodput(settings: GoodputSettings): AsyncGenerator<BenchRow> {
  const { model, draft, concurrencies, numTasks, depths, pairs, internals } = settings
  const random = mulberry32(SEED)
  const most = Math.max(...concurrencies, ...depths.batches)
  const engine = await Engine.load({ model, draft, maxConcurrent: most }, internals)
  const { maxConcurrent } = engine.stats().capacity
  if (maxConcurrent < most) throw new Error(`Only ${maxConcurrent} requests run at once here.`)
  for (const workload of settings.workloads) {
    const tasks = tasksOf(workload, numTasks)
    for (const concurrency of concurrencies) {
      const speeds = await measure(engine, tasks, { ...settings, concurrency, random })
      yield* rows({ workload, concurrency }, speeds)
    }
  }
  yield* optimalDepths(engine, { ...depths, random })
  yield* offTax(engine, () => Engine.load({ model, maxConcurrent: most }, internals), pairs)
  await engine.dispose()
}

async function measure(
  engine: Engine,
  tasks: readonly string[],
  options: { concurrency: number; rounds: number; maxTokens: number; random: () => number },
): Promise<Speeds> {
  const { concurrency, rounds, maxTokens, random } = options
  const choices = [...fixedChoices, AUTO]
  const speeds = new Map<NamedChoice, number[]>(choices.map(choice => [choice, []]))
  for (let round = 0; round < rounds; round++) {
    let expected: string | undefined
    for (const choice of shuffled(choices, random)) {
      const requests = Array.from({ length: concurrency }, (_, i) => ({
        ...requestOf(tasks[(round * concurrency + i) % tasks.length]!),
        maxTokens,
        speculation: choice.speculation,
      }))
      const { result, steps } = await recordSteps(engine, () =>
        Promise.all(requests.map(request => answer(engine, request))),
      )
      expected ??= JSON.stringify(result)
      if (JSON.stringify(result) !== expected) throw new Error(`${choice.name} changed the tokens.`)
      const { tokens, seconds } = outputOf(steps)
      speeds.get(choice)!.push(tokens / seconds)
    }
  }
  return speeds
}

function* rows(cell: Cell, speeds: Speeds): Generator<BenchRow> {
  for (const [{ name }, runs] of speeds) {
    const row = { name: 'goodput', ...cell, choice: name, metric: 'tokens_per_s', unit: 'tokens/s' }
    yield { ...row, ...medianInterval(runs) }
  }
  const compared = (others: readonly number[]) =>
    medianInterval(speeds.get(AUTO)!.map((speed, round) => speed / others[round]!))
  yield ratioRow('goodput_vs_off', cell, compared(speeds.get(OFF)!))
  const rivals = [1, 0].map(half => bestFixed(speeds, half))
  const ofRivals = speeds.get(OFF)!.map((_, round) => speeds.get(rivals[round % 2]!)![round]!)
  const best = [...new Set(rivals.map(({ name }) => name))].join(', ')
  yield { ...ratioRow('goodput_vs_best_fixed', cell, compared(ofRivals)), best }
}

/** By the even rounds or the odd ones. */
function bestFixed(speeds: Speeds, half: number): NamedChoice {
  const speedOf = (choice: NamedChoice): number =>
    median(speeds.get(choice)!.filter((_, round) => round % 2 === half))
  return fixedChoices.reduce((best, choice) => (speedOf(choice) > speedOf(best) ? choice : best))
}

const ratioRow = (name: string, cell: Cell, interval: MedianInterval): BenchRow => ({
  name,
  ...cell,
  metric: 'ratio',
  unit: 'x',
  ...interval,
})
