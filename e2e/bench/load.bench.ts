/**
 * How long do requests take when they come as they please? Poisson arrivals at five rates, up to twice the rate that the
 * engine can sustain without speculation, of tasks of all kinds; every policy gets the same arrivals and tasks. Latency
 * counts from the arrival, so waiting is in it. After every run the queue must be empty.
 */
import { Engine, type EngineInternals, type GenerateOptions } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { poissonArrivals } from './poisson-arrivals'
import { quantile } from './quantile'
import { mulberry32 } from './random-model'
import { shuffled } from './shuffled'
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
  /** For tests. */
  internals?: EngineInternals
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
  const { model, draft, loads, maxConcurrent, numRequests, maxTokens, internals } = settings
  const random = mulberry32(SEED)
  const engine = await Engine.load({ model, draft, maxConcurrent }, internals)
  const tasks = shuffled(
    workloads.flatMap(workload => tasksOf(workload)),
    random,
  )
  const requests = Array.from({ length: numRequests }, (_, i) => ({
    ...requestOf(tasks[i % tasks.length]!),
    maxTokens,
  }))
  const sustainable = await sustainableRate(engine, requests)
  for (const share of loads) {
    const rate = share * sustainable
    const arrivals = poissonArrivals(rate, numRequests, random)
    for (const [policy, options] of shuffled(Object.entries(policies), random)) {
      const served = await serve(engine, requests, arrivals, options)
      checkDrained(engine)
      yield* rows({ rate, load: share, policy, n: numRequests }, served)
    }
  }
  await engine.dispose()
}

/** Requests per second, when all are there at once and none speculates. */
async function sustainableRate(engine: Engine, requests: readonly GenerateOptions[]): Promise<number> {
  const atOnce = requests.map(() => 0)
  // Once before: what an engine remembers of prompts is there for every policy, so it is for the rate.
  await serve(engine, requests, atOnce, OFF)
  const served = await serve(engine, requests, atOnce, OFF)
  const last = Math.max(...served.filter(isServed).map(({ latencyMs }) => latencyMs))
  return (1000 * requests.length) / last
}

/** Sends every request when it arrives, `arrivals` ms from now. */
async function serve(
  engine: Engine,
  requests: readonly GenerateOptions[],
  arrivals: readonly number[],
  policy: PolicyOptions,
): Promise<Array<Served | Lost>> {
  const begin = performance.now()
  return Promise.all(
    requests.map(async (request, i) => {
      const arrival = begin + arrivals[i]!
      await new Promise(resolve => setTimeout(resolve, arrival - performance.now()))
      return serveOne(engine, { ...request, ...policy }, arrival)
    }),
  )
}

async function serveOne(engine: Engine, request: GenerateOptions, arrival: number): Promise<Served | Lost> {
  let ttftMs: number | undefined
  try {
    for await (const { finishReason } of engine.generate(request)) {
      ttftMs ??= performance.now() - arrival
      if (finishReason) return { ttftMs, latencyMs: performance.now() - arrival }
    }
  } catch (error) {
    return { reason: String(error) }
  }
  return { reason: 'no end' }
}

/** Nobody runs, nobody waits, once all have been answered. */
function checkDrained(engine: Engine): void {
  const { num_running, num_waiting } = engine.stats()
  if (num_running + num_waiting > 0) {
    throw new Error(`${num_running} requests run and ${num_waiting} wait when all have ended.`)
  }
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
