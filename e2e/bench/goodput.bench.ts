/**
 * Is the controller never behind? Tokens per second of decoding, for tasks of four kinds, 1, 4 and 16 requests at once,
 * with every fixed choice and with the controller. In every round each choice answers the same tasks, in random order, and
 * must give the same ids. The best fixed choice is selected in the even rounds and compared in the odd ones, and the other
 * way round. Ratios are medians over rounds, with the interval between order statistics that holds the true median with
 * 90 %.
 *
 * Requests that end leave those that are left a smaller batch, whose tokens cost more: one that is helped lowers the tokens
 * per second of the others, and its own latency. So mean latency stands beside (SmartSpec's measure).
 */
import { Engine, type EngineInternals, type GenerateOptions } from '@foretoken/engine'
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

/** What a round came to with a choice. */
interface Run {
  tokensPerSecond: number
  /** From the beginning to an answer's last token, mean over requests. */
  latencyMs: number
}

/** By round, by choice. */
type Runs = ReadonlyMap<NamedChoice, readonly Run[]>

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
      const runs = await measure(engine, tasks, { ...settings, concurrency, random })
      yield* rows({ workload, concurrency }, runs)
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
): Promise<Runs> {
  const { concurrency, rounds, maxTokens, random } = options
  const choices = [...fixedChoices, AUTO]
  const runs = new Map<NamedChoice, Run[]>(choices.map(choice => [choice, []]))
  for (let round = 0; round < rounds; round++) {
    let expected: string | undefined
    for (const choice of shuffled(choices, random)) {
      const requests = Array.from({ length: concurrency }, (_, i) => ({
        ...requestOf(tasks[(round * concurrency + i) % tasks.length]!),
        maxTokens,
        speculation: choice.speculation,
      }))
      const { result, steps } = await recordSteps(engine, () => answerAll(engine, requests))
      const ids = JSON.stringify(result.map(({ ids }) => ids))
      expected ??= ids
      if (ids !== expected) throw new Error(`${choice.name} changed the tokens.`)
      const { tokens, seconds } = outputOf(steps)
      const latencyMs = result.reduce((sum, { ms }) => sum + ms, 0) / concurrency
      runs.get(choice)!.push({ tokensPerSecond: tokens / seconds, latencyMs })
    }
  }
  return runs
}

function answerAll(
  engine: Engine,
  requests: readonly GenerateOptions[],
): Promise<Array<{ ids: number[]; ms: number }>> {
  const begin = performance.now()
  return Promise.all(
    requests.map(async request => {
      const ids = await answer(engine, request)
      return { ids, ms: performance.now() - begin }
    }),
  )
}

function* rows(cell: Cell, runs: Runs): Generator<BenchRow> {
  for (const [{ name }, ofChoice] of runs) {
    const row = { name: 'goodput', ...cell, choice: name, metric: 'tokens_per_s', unit: 'tokens/s' }
    yield { ...row, ...medianInterval(ofChoice.map(({ tokensPerSecond }) => tokensPerSecond)) }
  }
  const auto = runs.get(AUTO)!
  const off = runs.get(OFF)!
  const compared = (others: readonly Run[]) =>
    medianInterval(auto.map(({ tokensPerSecond }, round) => tokensPerSecond / others[round]!.tokensPerSecond))
  yield ratioRow('goodput_vs_off', cell, compared(off))
  const faster = auto.map(({ latencyMs }, round) => off[round]!.latencyMs / latencyMs)
  yield ratioRow('latency_vs_off', cell, medianInterval(faster))
  const rivals = [1, 0].map(half => bestFixed(runs, half))
  const ofRivals = off.map((_, round) => runs.get(rivals[round % 2]!)![round]!)
  const best = [...new Set(rivals.map(({ name }) => name))].join(', ')
  yield { ...ratioRow('goodput_vs_best_fixed', cell, compared(ofRivals)), best }
}

/** By the even rounds or the odd ones. */
function bestFixed(runs: Runs, half: number): NamedChoice {
  const speedOf = (choice: NamedChoice): number => {
    const ofHalf = runs.get(choice)!.filter((_, round) => round % 2 === half)
    return median(ofHalf.map(({ tokensPerSecond }) => tokensPerSecond))
  }
  return fixedChoices.reduce((best, choice) => (speedOf(choice) > speedOf(best) ? choice : best))
}

const ratioRow = (name: string, cell: Cell, interval: MedianInterval): BenchRow => ({
  name,
  ...cell,
  metric: 'ratio',
  unit: 'x',
  ...interval,
})
