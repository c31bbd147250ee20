/**
 * Is the controller never behind? Tokens per second for tasks of four kinds, 1, 4 and 16 requests at once, with every fixed
 * choice and with the controller, each on an engine of its own. In every round they answer the same tasks, in turns, and
 * must give the same ids. After two rounds the fixed choices that were slowest drop out, so that time goes where the
 * question is. The best fixed choice is selected in the even rounds and compared in the odd ones, and the other way round.
 * Ratios are medians over rounds, with the interval between order statistics that holds the true median with 90 %.
 *
 * So many requests run at once all the time: when an answer has ended, the next task is begun. Answers are of different
 * lengths, as people's are. Were they all begun at the same time and cut at the same token, plain decoding would read all
 * prompts in one pass and never run a small batch, and who is helped would but leave the others alone.
 */
import { Engine, Gate, sharedDevice } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { serveClients } from './clients'
import { AUTO, fixedChoices, type NamedChoice, OFF } from './goodput-choices'
import { median } from './median'
import { type MedianInterval, medianInterval } from './median-interval'
import { offTax } from './off-tax'
import { optimalDepths } from './optimal-depths'
import { mulberry32 } from './random-model'
import { inTurns } from './turns'
import { requestOf, tasksOf, type Workload, workloads } from './workloads'

const SEED = 5

export interface GoodputSettings {
  model: URL
  draft: URL
  workloads: readonly Workload[]
  /** Requests at once, and for how many rounds, even ones for two halves: the fewer run, the shorter a round is. */
  crowds: readonly Crowd[]
  /** After so many rounds off and so many other fixed choices, the fastest so far, are left. */
  heats: { rounds: number; finalists: number }
  /** Tokens that each of those requests at once writes, one answer after the other. */
  tokensEach: number
  /** Of an answer: its most is drawn from a quarter of this to all of it. */
  maxTokens: number
  /** So many of the shortest of each workload; absent: all. */
  numTasks?: number
  /** Of s_opt. */
  depths: { batches: readonly number[]; rounds: number; maxTokens: number }
  /** Of off_tax. */
  pairs: number
}

interface Crowd {
  concurrency: number
  rounds: number
}

/** What one choice runs on. */
interface Side {
  engine: Engine
  gate: Gate
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
    crowds: [
      { concurrency: 1, rounds: quick ? 2 : 40 },
      { concurrency: 4, rounds: quick ? 2 : 12 },
      { concurrency: 16, rounds: quick ? 2 : 10 },
    ],
    heats: { rounds: 2, finalists: 3 },
    ...(quick ? { tokensEach: 16, maxTokens: 16, numTasks: 4 } : { tokensEach: 48, maxTokens: 64 }),
    depths: quick ? { batches, rounds: 1, maxTokens: 48 } : { batches, rounds: 5, maxTokens: 64 },
    pairs: quick ? 3 : 150,
  })
}

export async function* goodput(settings: GoodputSettings): AsyncGenerator<BenchRow> {
  const { model, draft, crowds, numTasks, depths, pairs } = settings
  const random = mulberry32(SEED)
  const most = Math.max(...crowds.map(({ concurrency }) => concurrency), ...depths.batches)
  // Kernels are compiled once.
  const device = await sharedDevice()
  const load = async (): Promise<Side> => {
    const gate = new Gate()
    const engine = await Engine.load({ model, draft, maxConcurrent: most }, { device, gate })
    const { maxConcurrent } = engine.stats().capacity
    if (maxConcurrent < most) throw new Error(`Only ${maxConcurrent} requests run at once here.`)
    return { engine, gate }
  }
  const sides = new Map<NamedChoice, Side>()
  for (const choice of [...fixedChoices, AUTO]) sides.set(choice, await load())
  for (const workload of settings.workloads) {
    const tasks = tasksOf(workload, numTasks)
    for (const crowd of crowds) {
      const speeds = await measure(device, sides, tasks, { ...settings, ...crowd, random })
      yield* rows({ workload, concurrency: crowd.concurrency }, speeds)
    }
  }
  const { engine } = sides.get(AUTO)!
  yield* optimalDepths(engine, { ...depths, random })
  for (const { engine } of sides.values()) await engine.dispose()
  const loadOne = (drafters: 'with' | 'without'): Promise<Engine> =>
    Engine.load({ model, maxConcurrent: most, ...(drafters === 'with' ? { draft } : {}) }, { device })
  yield* offTax(loadOne, pairs)
}

async function measure(
  device: GPUDevice,
  sides: ReadonlyMap<NamedChoice, Side>,
  tasks: readonly string[],
  options: Crowd & Pick<GoodputSettings, 'heats' | 'tokensEach' | 'maxTokens'> & { random: () => number },
): Promise<Speeds> {
  const { concurrency, rounds, heats, tokensEach, maxTokens, random } = options
  let choices = [...fixedChoices, AUTO]
  const speeds = new Map<NamedChoice, number[]>(choices.map(choice => [choice, []]))
  for (let round = 0; round < rounds; round++) {
    if (round === heats.rounds) choices = [OFF, ...fastestHelped(speeds, heats.finalists), AUTO]
    const lengths = Array.from({ length: tasks.length }, () =>
      Math.ceil((0.25 + 0.75 * random()) * maxTokens),
    )
    const told = new Told()
    const serve = async ({ name, speculation }: NamedChoice, engine: Engine): Promise<number> => {
      const answers = await serveClients(engine, {
        concurrency,
        tokens: concurrency * tokensEach,
        request: i => ({
          ...requestOf(tasks[(round * concurrency + i) % tasks.length]!),
          maxTokens: lengths[i % lengths.length]!,
          speculation,
        }),
      })
      told.check(answers, name)
      return answers.reduce((sum, { length }) => sum + length, 0)
    }
    const jobs = choices.map(choice => {
      const { engine, gate } = sides.get(choice)!
      // Who has written enough drops what is under way: it must not fall on who comes next.
      return { gate, settled: () => device.queue.onSubmittedWorkDone(), work: () => serve(choice, engine) }
    })
    for (const [i, { result, seconds }] of (await inTurns(jobs, random)).entries())
      speeds.get(choices[i]!)!.push(result / seconds)
  }
  return speeds
}

/** What a round's requests were answered so far: who comes later must say the same, as far as it got. */
class Told {
  readonly #answers: number[][] = []

  check(answers: readonly number[][], name: string): void {
    for (const [i, ids] of answers.entries()) {
      const known = this.#answers[i] ?? []
      if (known.some((id, at) => at < ids.length && id !== ids[at]))
        throw new Error(`${name} changed the tokens.`)
      if (ids.length > known.length) this.#answers[i] = ids
    }
  }
}

function* rows(cell: Cell, speeds: Speeds): Generator<BenchRow> {
  for (const [{ name }, ofChoice] of speeds) {
    const row = { name: 'goodput', ...cell, choice: name, metric: 'tokens_per_s', unit: 'tokens/s' }
    yield { ...row, ...medianInterval(ofChoice) }
  }
  const auto = speeds.get(AUTO)!
  const off = speeds.get(OFF)!
  const compared = (others: readonly number[]) =>
    medianInterval(auto.map((speed, round) => speed / others[round]!))
  yield ratioRow('goodput_vs_off', cell, compared(off))
  const rivals = [1, 0].map(half => bestFixed(speeds, half))
  const ofRivals = off.map((_, round) => speeds.get(rivals[round % 2]!)![round]!)
  const best = [...new Set(rivals.map(({ name }) => name))].join(', ')
  yield { ...ratioRow('goodput_vs_best_fixed', cell, compared(ofRivals)), best }
}

/** Fixed choices other than off. */
function fastestHelped(speeds: Speeds, count: number): NamedChoice[] {
  const speedOf = (choice: NamedChoice): number => median(speeds.get(choice)!)
  const helped = fixedChoices.filter(choice => choice !== OFF)
  return helped.sort((a, b) => speedOf(b) - speedOf(a)).slice(0, count)
}

/** By the even rounds or the odd ones, of those that ran in all. */
function bestFixed(speeds: Speeds, half: number): NamedChoice {
  const numRounds = speeds.get(OFF)!.length
  const finalists = fixedChoices.filter(choice => speeds.get(choice)!.length === numRounds)
  const speedOf = (choice: NamedChoice): number =>
    median(speeds.get(choice)!.filter((_, round) => round % 2 === half))
  return finalists.reduce((best, choice) => (speedOf(choice) > speedOf(best) ? choice : best))
}

const ratioRow = (name: string, cell: Cell, interval: MedianInterval): BenchRow => ({
  name,
  ...cell,
  metric: 'ratio',
  unit: 'x',
  ...interval,
})
