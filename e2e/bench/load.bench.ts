/**
 * How long do requests take when they come as they please? Poisson arrivals at five rates, up to twice the rate that the
 * engine can sustain without speculation, of tasks of all kinds; every policy gets the same arrivals and tasks, each on an
 * engine and by a clock of its own, in turns. Latency counts from the arrival, so waiting is in it. After every run the
 * queue must be empty.
 */
import { Engine, Gate, type GenerateOptions, sharedDevice } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'
import { poissonArrivals } from './poisson-arrivals'
import { quantile } from './quantile'
import { mulberry32 } from './random-model'
import { shuffled } from './shuffled'
import { type Clock, type Done, inTurns } from './turns'
import { requestOf, tasksOf, workloads } from './workloads'

const SEED = 6
/** Of the sustainable rate. */
const LOADS = [0.25, 0.5, 0.75, 1, 2]

type PolicyOptions = Pick<GenerateOptions, 'speculation' | 'policy'>

const OFF: PolicyOptions = { speculation: 'off' }
const policies: Readonly<Record<string, PolicyOptions>> = {
  off: OFF,
  fixed: { speculation: { method: 'draft', depth: 4 } },
  smartspec: { policy: 'smartspec' },
  goodput: { policy: 'goodput' },
}

export interface LoadSettings {
  model: URL
  draft: URL
  loads: readonly number[]
  maxConcurrent: number
  /** Of a run. */
  numRequests: number
  maxTokens: number
}

/** What a policy's requests are answered by. */
interface Side {
  policy: string
  options: PolicyOptions
  engine: Engine
  gate: Gate
}

/** Ms from a request's arrival to its first token and to its end. */
interface Served {
  ttftMs: number
  latencyMs: number
}

/** Why a request was lost. */
interface Lost {
  reason: string
}

export default function suite({ quick }: BenchContext): AsyncGenerator<BenchRow> {
  return load({
    model: family.target.q8_0,
    draft: family.wide.q8_0,
    loads: LOADS,
    maxConcurrent: 16,
    ...(quick ? { numRequests: 24, maxTokens: 16 } : { numRequests: 100, maxTokens: 64 }),
  })
}

export async function* load(settings: LoadSettings): AsyncGenerator<BenchRow> {
  const { model, draft, loads, maxConcurrent, numRequests, maxTokens } = settings
  const random = mulberry32(SEED)
  const device = await sharedDevice()
  const sides: Side[] = []
  for (const [policy, options] of Object.entries(policies)) {
    const gate = new Gate()
    const engine = await Engine.load({ model, draft, maxConcurrent }, { device, gate })
    sides.push({ policy, options, engine, gate })
  }
  const tasks = shuffled(
    workloads.flatMap(workload => tasksOf(workload)),
    random,
  )
  const requests = Array.from({ length: numRequests }, (_, i) => ({
    ...requestOf(tasks[i % tasks.length]!),
    maxTokens,
  }))
  const sustainable = await sustainableRate(sides, requests, random)
  for (const share of loads) {
    const rate = share * sustainable
    const arrivals = poissonArrivals(rate, numRequests, random)
    const runs = await serveAll(sides, requests, arrivals, random)
    for (const [i, { result }] of runs.entries()) {
      checkDrained(sides[i]!.engine)
      yield* rows({ rate, load: share, policy: sides[i]!.policy, n: numRequests }, result)
    }
  }
  for (const { engine } of sides) await engine.dispose()
}

/** Requests per second, when all are there at once and none speculates. */
async function sustainableRate(
  sides: readonly Side[],
  requests: readonly GenerateOptions[],
  random: () => number,
): Promise<number> {
  const plain = sides.map(side => ({ ...side, options: OFF }))
  const atOnce = requests.map(() => 0)
  // Once before: what an engine remembers of prompts is there for every policy, so it is for the rate.
  await serveAll(plain, requests, atOnce, random)
  const runs = await serveAll(plain, requests, atOnce, random)
  return requests.length / median(runs.map(({ seconds }) => seconds))
}

/** What every side's requests were answered, each by its own clock. */
const serveAll = (
  sides: readonly Side[],
  requests: readonly GenerateOptions[],
  arrivals: readonly number[],
  random: () => number,
): Promise<Array<Done<Array<Served | Lost>>>> =>
  inTurns(
    sides.map(({ engine, gate, options }) => ({
      gate,
      isIdle: () => numUnderWay(engine) === 0,
      work: clock => serve(engine, requests, arrivals, options, clock),
    })),
    random,
  )

/** Sends every request when it arrives, by the clock. */
async function serve(
  engine: Engine,
  requests: readonly GenerateOptions[],
  arrivals: readonly number[],
  policy: PolicyOptions,
  clock: Clock,
): Promise<Array<Served | Lost>> {
  return Promise.all(
    requests.map(async (request, i) => {
      await clock.until(arrivals[i]!)
      const sinceArrival = () => clock.now() - arrivals[i]!
      return serveOne(engine, { ...request, ...policy }, sinceArrival)
    }),
  )
}

async function serveOne(
  engine: Engine,
  request: GenerateOptions,
  sinceArrival: () => number,
): Promise<Served | Lost> {
  let ttftMs: number | undefined
  try {
    for await (const { finishReason } of engine.generate(request)) {
      ttftMs ??= sinceArrival()
      if (finishReason) return { ttftMs, latencyMs: sinceArrival() }
    }
  } catch (error) {
    return { reason: String(error) }
  }
  return { reason: 'no end' }
}

const numUnderWay = (engine: Engine): number => {
  const { num_running, num_waiting } = engine.stats()
  return num_running + num_waiting
}

function checkDrained(engine: Engine): void {
  const left = numUnderWay(engine)
  if (left > 0) throw new Error(`${left} requests run or wait when all have ended.`)
}

const isServed = (one: Served | Lost): one is Served => 'latencyMs' in one

function* rows(run: Record<string, unknown>, all: ReadonlyArray<Served | Lost>): Generator<BenchRow> {
  const served = all.filter(isServed)
  const latencies = served.map(({ latencyMs }) => latencyMs)
  const row = (metric: string, value: number, unit = 'ms'): BenchRow => ({
    name: 'load',
    metric,
    value,
    unit,
    ...run,
  })
  yield row('mean_latency_ms', latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length)
  yield row('p50_latency_ms', quantile(latencies, 0.5))
  yield row('p99_latency_ms', quantile(latencies, 0.99))
  yield row(
    'ttft_ms',
    quantile(
      served.map(({ ttftMs }) => ttftMs),
      0.5,
    ),
  )
  const lost = all.filter(one => !isServed(one))
  yield { ...row('lost', lost.length, 'requests'), reasons: lost }
}
