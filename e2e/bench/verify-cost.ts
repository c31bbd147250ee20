/** What a pass of the whole bundled model costs by rows, quantised to 8 and to 4 bits. */
import { Engine } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'
import { requantise } from './requantise'

const formats = ['q8_0', 'q4_0'] as const
type Format = (typeof formats)[number]

const MAX_ROWS = 32
const CONTEXT = 128
/** The fastest of a few: what comes between makes a pass slower, never faster. */
const TRIES = 3

export interface PassTime {
  ms: number
  gpuMs: number | undefined
}

export async function* verifyCost({ quick, device }: BenchContext): AsyncGenerator<BenchRow> {
  const rounds = quick ? 5 : 7
  const models = { q8_0: family.target.q8_0, q4_0: await requantise(family.target.f16, 'q4_0') }
  // The GPU's clock costs a readback, which a CPU would count as part of every pass.
  const internals = { skipCalibration: true, profile: !device.isSoftware }
  const engines = new Map<Format, Engine>()
  const times = new Map<Format, PassTime[][]>()
  for (const format of formats) {
    engines.set(format, await Engine.load({ model: models[format] }, internals))
    times.set(
      format,
      Array.from({ length: MAX_ROWS }, () => []),
    )
  }
  // Interleaved: what disturbs the machine disturbs all formats and row counts alike.
  for (let round = 0; round < rounds; round++) {
    for (let rows = 1; rows <= MAX_ROWS; rows++) {
      for (const [format, engine] of engines) times.get(format)![rows - 1]!.push(await timePass(engine, rows))
    }
  }
  for (const [format, byRows] of times) yield* costs(format, byRows)
  for (const engine of engines.values()) await engine.dispose()
}

export async function timePass(engine: Engine, rows: number): Promise<PassTime> {
  let best = await engine.timeStep(rows - 1, 0, CONTEXT)
  for (let i = 1; i < TRIES; i++) {
    const time = await engine.timeStep(rows - 1, 0, CONTEXT)
    if (time.ms < best.ms) best = time
  }
  return best
}

export type About = Pick<BenchRow, 'name' | 'unit'> & Record<string, unknown>

/** The row of a pass, by the medians of its times and of those of a single row. */
export function relativeCost(
  about: About,
  rows: number,
  times: readonly PassTime[],
  single: readonly PassTime[],
): BenchRow {
  const [ms, ofSingle] = [medianMs(times), medianMs(single)]
  const [gpuMs, gpuOfSingle] = [medianGpuMs(times), medianGpuMs(single)]
  return {
    ...about,
    rows,
    metric: 'relative_cost',
    value: ms / ofSingle,
    us: 1000 * ms,
    ...(gpuMs > 0 ? { gpu_us: 1000 * gpuMs, gpu_relative_cost: gpuMs / gpuOfSingle } : {}),
  }
}

const medianMs = (times: readonly PassTime[]): number => median(times.map(({ ms }) => ms))
const medianGpuMs = (times: readonly PassTime[]): number =>
  median(times.map(({ gpuMs }) => gpuMs ?? Number.NaN))

function* costs(format: Format, byRows: readonly PassTime[][]): Generator<BenchRow> {
  const about = { name: 'verify_cost', unit: 'x', model: 'bundled', format, numerics: 'exact' }
  for (const [i, times] of byRows.entries()) yield relativeCost(about, i + 1, times, byRows[0]!)
  const ms = byRows.map(medianMs)
  const rises = ms.slice(1).map((value, i) => value / ms[i]!)
  const largest = Math.max(...rises)
  yield { ...about, metric: 'largest_rise', value: largest, to_rows: rises.indexOf(largest) + 2 }
}
