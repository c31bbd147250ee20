/** What a matrix of a model's shape costs by rows, and how near reading it comes to the memory's own speed. */
import { hasIntegerProducts, MatmulTrial, type MatrixKind, matrixKinds, StreamProbe } from '@foretoken/engine'
import { results } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'
import { type ModelShape, modelShapes } from './model-shapes.mjs'

export const ROWS = [1, 2, 3, 4, 6, 8, 16, 32]
/** Wider tiles have no use for a single row. */
const MAX_ONE_ROW_TILE = 8

type Format = Parameters<typeof MatmulTrial.open>[1]

interface Job {
  model: string
  shape: ModelShape
  formats: readonly Format[]
  kinds: readonly MatrixKind[]
}

const quantised = ['f16', 'q8_0', 'q4_0'] as const
const integers: readonly Format[] = ['q8_0', 'q4_0']
type Numerics = 'exact' | 'fast'
interface Stream {
  probe: StreamProbe
  /** Bytes per second, of one long dispatch. */
  peak: number
}
/** By numerics. */
type Trials = ReadonlyMap<Numerics, MatmulTrial>
const small: ModelShape = {
  ...results.models.target.shape,
  kvHeads: results.models.target.shape.kv_heads,
  tied: true,
}
const bundled: Job = { model: 'bundled', shape: small, formats: ['f32', ...quantised], kinds: matrixKinds }
const large = Object.entries(modelShapes).map(
  ([model, shape]): Job => ({ model, shape, formats: quantised, kinds: matrixKinds }),
)

export async function* matmulCost({ quick, device }: BenchContext): AsyncGenerator<BenchRow> {
  const [first, ...others] = large
  const { isSoftware } = device
  // Its head alone takes a CPU as long as all the rest.
  const jobs = isSoftware ? [bundled, { ...first!, kinds: matrixKinds.slice(0, -1) }] : [bundled, ...large]
  // A GPU's time may be lent: what no claim rests on is left out.
  const isBrief = quick && !isSoftware
  const probe = await StreamProbe.open()
  try {
    const stream = { probe, peak: await probe.bandwidth() }
    for (const job of jobs) {
      for (const format of isBrief && job === bundled ? ['q8_0' as const] : job.formats) {
        // Integers of large matrices take a CPU longer still.
        const wantsFast = integers.includes(format) && (isSoftware ? job === bundled : !isBrief)
        const numerics: Numerics[] = wantsFast && hasIntegerProducts() ? ['exact', 'fast'] : ['exact']
        yield* measure(job, format, numerics, stream, isBrief ? 3 : 5)
      }
    }
  } finally {
    probe.dispose()
  }
  if (!isSoftware) return
  for (const { model } of others) yield notMeasured(model, 'the adapter is a CPU')
}

function notMeasured(model: string, reason: string): BenchRow {
  const note = `not measured: ${reason}`
  return { name: 'matmul', metric: 'relative_cost', value: null, unit: 'x', model, note }
}

async function* measure(
  { model, shape, kinds }: Job,
  format: Format,
  allNumerics: readonly Numerics[],
  stream: Stream,
  rounds: number,
): AsyncGenerator<BenchRow> {
  const trials = new Map<Numerics, MatmulTrial>()
  try {
    for (const numerics of allNumerics) {
      const options = { kinds, numerics }
      trials.set(
        numerics,
        await MatmulTrial.open({ ...shape, headDim: shape.dim / shape.heads }, format, options),
      )
    }
    for (const kind of kinds) yield* rowsOf(trials, { model, kind, format }, stream, rounds)
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code !== 'out-of-memory') throw error
    yield { ...notMeasured(model, message), format }
  } finally {
    for (const trial of trials.values()) trial.dispose()
  }
}

/** Rounds are interleaved: what disturbs the machine disturbs all row counts alike. */
async function* rowsOf(
  trials: Trials,
  about: { model: string; kind: MatrixKind; format: Format },
  { probe, peak }: Stream,
  rounds: number,
): AsyncGenerator<BenchRow> {
  const { kind } = about
  const exact = trials.get('exact')!
  const { n, k, bytes } = exact.size(kind)
  const tiles = exact.tiles(kind).filter(tile => tile <= MAX_ONE_ROW_TILE)
  const cells = [...trials].flatMap(([numerics, trial]) =>
    ROWS.map(rows => ({ numerics, trial, rows, times: [] as number[] })),
  )
  const byTile = new Map<number, number[]>(tiles.map(tile => [tile, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { trial, rows, times } of cells) times.push(await trial.time(kind, rows))
    for (const [tile, times] of byTile) times.push(await exact.time(kind, 1, tile))
  }
  // A dispatch that waits for the one before costs as much however little it reads.
  const sameSize = await probe.bandwidth(bytes)
  const single = cells.find(({ numerics, rows }) => numerics === 'exact' && rows === 1)!
  const fastest = Math.min(...[single.times, ...byTile.values()].map(median))
  for (const { numerics, rows, times } of cells) {
    const conditions = { ...about, numerics, n, k, rows }
    const us = median(times)
    const row = (metric: string, value: number, unit: string): BenchRow => ({
      name: 'matmul',
      metric,
      value,
      unit,
      ...conditions,
    })
    yield { ...row('us', us, 'us'), best: Math.min(...times) }
    yield row('relative_cost', us / fastest, 'x')
    const speed = bytes / (us * 1e-6)
    yield {
      ...row('bandwidth_fraction', speed / peak, ''),
      stream_gb_per_s: peak / 1e9,
      of_same_size: speed / sameSize,
    }
  }
}
