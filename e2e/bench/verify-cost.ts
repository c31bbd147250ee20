/** What a pass of the whole bundled model costs by rows, quantised to 8 and to 4 bits, exact and with integers. */
import { Engine } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import { accuracy } from './accuracy'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'
import { requantise } from './requantise'

const formats = ['q8_0', 'q4_0'] as const
type Format = (typeof formats)[number]
const allNumerics = ['exact', 'fast'] as const
type Numerics = (typeof allNumerics)[number]

const MAX_ROWS = 32
const CONTEXT = 128
/** The fastest of a few: what comes between makes a pass slower, never faster. */
const TRIES = 3

interface PassTime {
  ms: number
  gpuMs: number | undefined
}

interface Run {
  format: Format
  numerics: Numerics
  engine: Engine
  /** By rows, from 1 on, of all rounds. */
  times: PassTime[][]
}

export async function* verifyCost({ quick, device }: BenchContext): AsyncGenerator<BenchRow> {
  const models = { q8_0: family.target.q8_0, q4_0: await requantise(family.target.f16, 'q4_0') }
  for (const format of formats) yield* speedup(format, models[format])
  // The GPU's clock costs a readback, which a CPU would count as part of every pass.
  const internals = { skipCalibration: true, trustFast: true, profile: !device.isSoftware }
  const runs: Run[] = []
  for (const format of formats) {
    for (const numerics of allNumerics) {
      const engine = await Engine.load({ model: models[format], numerics }, internals)
      const { used, reason } = engine.stats().numerics
      const times = Array.from({ length: MAX_ROWS }, () => [])
      if (used === numerics) runs.push({ format, numerics, engine, times })
      else {
        yield {
          ...about(format, numerics),
          metric: 'relative_cost',
          value: null,
          note: `not measured: ${reason}`,
        }
        await engine.dispose()
      }
    }
  }
  await measure(runs, quick ? 5 : 7)
  for (const format of formats) {
    const [exact, fast] = runs.filter(run => run.format === format)
    yield* costs(exact!, exact!)
    if (fast) yield* costs(fast, exact!)
    yield* accuracy(about(format, 'exact'), exact!.engine)
    if (fast) yield* accuracy(about(format, 'fast'), fast.engine, exact!.engine)
  }
  for (const { engine } of runs) await engine.dispose()
}

/** What loading finds of the model's largest matrices, and by which it decides. */
async function* speedup(format: Format, model: URL | Blob): AsyncGenerator<BenchRow> {
  const engine = await Engine.load({ model, numerics: 'fast' }, { skipCalibration: true })
  const { speedup: value, ...outcome } = engine.stats().numerics
  await engine.dispose()
  yield { ...about(format, 'fast'), name: 'numerics', metric: 'speedup', value: value ?? null, ...outcome }
}

/** Interleaved: what disturbs the machine disturbs all formats and row counts alike. */
async function measure(runs: readonly Run[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let rows = 1; rows <= MAX_ROWS; rows++) {
      for (const { engine, times } of runs) times[rows - 1]!.push(await timePass(engine, rows))
    }
  }
}

const about = (format: Format, numerics: Numerics) =>
  ({ name: 'verify_cost', unit: 'x', model: 'bundled', format, numerics }) as const

async function timePass(engine: Engine, rows: number): Promise<PassTime> {
  let best = await engine.timeStep(rows - 1, 0, CONTEXT)
  for (let i = 1; i < TRIES; i++) {
    const time = await engine.timeStep(rows - 1, 0, CONTEXT)
    if (time.ms < best.ms) best = time
  }
  return best
}

/** Beside one row of exact numerics. */
function* costs(run: Run, exact: Run): Generator<BenchRow> {
  const msOf = (run: Run): number[] => run.times.map(of => median(of.map(time => time.ms)))
  const gpuMsOf = (run: Run): number[] =>
    run.times.map(of => median(of.map(time => time.gpuMs ?? Number.NaN)))
  const { format, numerics } = run
  const [ms, gpuMs] = [msOf(run), gpuMsOf(run)]
  const [oneMs, oneGpuMs] = [msOf(exact)[0]!, gpuMsOf(exact)[0]!]
  for (const [i, value] of ms.entries()) {
    yield {
      ...about(format, numerics),
      rows: i + 1,
      metric: 'relative_cost',
      value: value / oneMs,
      us: 1000 * value,
      ...(gpuMs[i]! > 0 ? { gpu_us: 1000 * gpuMs[i]!, gpu_relative_cost: gpuMs[i]! / oneGpuMs } : {}),
    }
  }
  const rises = ms.slice(1).map((value, i) => value / ms[i]!)
  const largest = Math.max(...rises)
  yield {
    ...about(format, numerics),
    metric: 'largest_rise',
    value: largest,
    to_rows: rises.indexOf(largest) + 2,
  }
}
