/**
 * Which tiles of matmul-split.wgsl are the fastest for a matrix and a number of rows: what device-profile.ts is made
 * from. For GPUs: on a CPU no threads share K.
 */
import { MatmulTrial, type MatrixKind, matrixKinds, type SplitTile } from '@foretoken/engine'
import type { BenchContext, BenchRow } from './bench-context'
import { type ModelFormat, modelFormats, modelShapes } from './model-shapes.mjs'

const ROWS = [1, 2, 4, 8]
/** Workgroups that may share the rows. */
const MOST_SHARING = 4
/** The fastest that are told, of each matrix and number of rows. */
const TOLD = 5

export default async function* tiles({ quick, device }: BenchContext): AsyncGenerator<BenchRow> {
  if (device.isSoftware) {
    yield { name: 'tile', metric: 'us', value: null, unit: 'us', note: 'not measured: the adapter is a CPU' }
    return
  }
  for (const [model, shape] of Object.entries(modelShapes)) {
    if (quick && model !== 'llama-3.2-1b') continue
    for (const format of quick ? (['q8_0'] as const) : modelFormats) {
      const trial = await MatmulTrial.open({ ...shape, headDim: shape.dim / shape.heads }, format)
      for (const kind of matrixKinds) {
        for (const rows of ROWS) yield* fastest(trial, kind, rows, { model, format })
      }
      trial.dispose()
    }
  }
}

async function* fastest(
  trial: MatmulTrial,
  kind: MatrixKind,
  rows: number,
  about: { model: string; format: ModelFormat },
): AsyncGenerator<BenchRow> {
  const tiles = candidates(rows, kind === 'gate-up' ? 2 : 1)
  const times = await trial.timeTiles(kind, rows, tiles)
  const tried = tiles.flatMap((tile, i) => (times[i] === undefined ? [] : [{ tile, us: times[i] }]))
  tried.sort((a, b) => a.us - b.us)
  const { n, k } = trial.size(kind)
  for (const { tile, us } of tried.slice(0, TOLD)) {
    const { threadRows, lanes, outputs, ahead } = tile
    const own = { kind, n, k, rows, thread_rows: threadRows, lanes, outputs, ahead }
    yield { name: 'tile', metric: 'us', value: us, unit: 'us', ...about, ...own, tried: tried.length }
  }
}

function candidates(rows: number, matrices: number): SplitTile[] {
  const threads = ROWS.filter(count => count <= rows && rows / count <= MOST_SHARING)
  return threads.flatMap(threadRows =>
    [8, 16, 32].flatMap(lanes =>
      [1, 2, 4]
        .filter(outputs => outputs >= matrices && threadRows * outputs <= 32)
        .flatMap(outputs => [1, 2, 4].map(ahead => ({ rows, threadRows, lanes, outputs, ahead }))),
    ),
  )
}
