/** What a matrix of a model's shape costs by rows, and how near reading it comes to the memory's own speed. */
import { MatmulTrial, type MatrixKind, matrixKinds, streamBandwidth } from '@foretoken/engine'
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
  const isShort = quick || device.isSoftware
  const stream = await streamBandwidth()
  const [first, ...others] = large
  // Its head alone takes a CPU as long as all the rest.
  const jobs = isShort ? [bundled, { ...first!, kinds: matrixKinds.slice(0, -1) }] : [bundled, ...large]
  for (const job of jobs) {
    for (const format of job.formats) yield* measure(job, format, stream, isShort ? 5 : 7)
  }
  if (!isShort) return
  const reason = device.isSoftware ? 'the adapter is a CPU' : '--quick'
  for (const { model } of others) yield notMeasured(model, reason)
}

function notMeasured(model: string, reason: string): BenchRow {
  const note = `not measured: ${reason}`
  return { name: 'matmul', metric: 'relative_cost', value: null, unit: 'x', model, note }
}

async function* measure(
  { model, shape, kinds }: Job,
  format: Format,
  stream: number,
  rounds: number,
): AsyncGenerator<BenchRow> {
  const trial = await MatmulTrial.open({ ...shape, headDim: shape.dim / shape.heads }, format, kinds).catch(
    (error: { code?: string; message: string }) => {
      if (error.code !== 'out-of-memory') throw error
      return error
    },
  )
  if (!(trial instanceof MatmulTrial)) {
    yield { ...notMeasured(model, trial.message), format }
    return
  }
  try {
    for (const kind of kinds) yield* rowsOf(trial, { model, kind, format }, stream, rounds)
  } finally {
    trial.dispose()
  }
}

/** Rounds are interleaved: what disturbs the machine disturbs all row counts alike. */
async function* rowsOf(
  trial: MatmulTrial,
  about: { model: string; kind: MatrixKind; format: Format },
  stream: number,
  rounds: number,
): AsyncGenerator<BenchRow> {
  const { kind } = about
  const { n, k, bytes } = trial.size(kind)
  const tiles = trial.tiles(kind).filter(tile => tile <= MAX_ONE_ROW_TILE)
  const byRows = new Map<number, number[]>(ROWS.map(rows => [rows, []]))
  const byTile = new Map<number, number[]>(tiles.map(tile => [tile, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [rows, times] of byRows) times.push(await trial.time(kind, rows))
    for (const [tile, times] of byTile) times.push(await trial.time(kind, 1, tile))
  }
  const fastest = Math.min(median(byRows.get(1)!), ...[...byTile.values()].map(median))
  for (const [rows, times] of byRows) {
    const conditions = { ...about, n, k, rows }
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
    const fraction = bytes / (us * 1e-6) / stream
    yield { ...row('bandwidth_fraction', fraction, ''), stream_gb_per_s: stream / 1e9 }
  }
}
