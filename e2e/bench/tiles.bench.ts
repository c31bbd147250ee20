/**
 * Which tiles of matmul-split.wgsl are the fastest for a matrix and a number of rows, and which of gemm.wgsl for the rows
 * of a prompt: what device-profile.ts is made from. For GPUs: on a CPU no threads share K.
 */
import {
  MatmulTrial,
  type MatrixKind,
  matrixKinds,
  type PrefillTile,
  type SplitTile,
} from '@foretoken/engine'
import type { BenchContext, BenchRow } from './bench-context'
import { type ModelFormat, modelFormats, modelShapes } from './model-shapes.mjs'

const ROWS = [1, 2, 4, 8]
/** Workgroups that may share the rows. */
const MOST_SHARING = 4
/** The fastest that are told, of each matrix and number of rows. */
const TOLD = 5
const PROMPT_ROWS = 256
/** Of a workgroup, wherever WebGPU runs. */
const MOST_THREADS = 256

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
        if (kind !== 'head') yield* fastestPrefill(trial, kind, { model, format })
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
  const tried = ascending(tiles, await trial.timeTiles(kind, rows, tiles))
  const { n, k } = trial.size(kind)
  for (const { tile, us } of tried.slice(0, TOLD)) {
    const { threadRows, lanes, outputs, ahead } = tile
    const own = { kind, n, k, rows, thread_rows: threadRows, lanes, outputs, ahead }
    yield { name: 'tile', metric: 'us', value: us, unit: 'us', ...about, ...own, tried: tried.length }
  }
}

async function* fastestPrefill(
  trial: MatmulTrial,
  kind: Exclude<MatrixKind, 'head'>,
  about: { model: string; format: ModelFormat },
): AsyncGenerator<BenchRow> {
  const tried = ascending(prefillTiles, await trial.timePrefill(kind, PROMPT_ROWS, prefillTiles))
  const { n, k } = trial.size(kind)
  for (const { tile, us } of tried.slice(0, TOLD)) {
    const { rows, outputs, threadRows, threadOutputs, slice } = tile
    const own = { tile_rows: rows, outputs, thread_rows: threadRows, thread_outputs: threadOutputs, slice }
    const where = { ...about, kind, n, k, rows: PROMPT_ROWS }
    yield { name: 'tile', metric: 'us', value: us, unit: 'us', ...where, ...own, tried: tried.length }
  }
}

/** By their times, without those that had no room. */
const ascending = <T>(tiles: readonly T[], times: ReadonlyArray<number | undefined>) =>
  tiles
    .flatMap((tile, i) => (times[i] === undefined ? [] : [{ tile, us: times[i] }]))
    .sort((a, b) => a.us - b.us)

/** Those for which any device has room. */
const prefillTiles: PrefillTile[] = [32, 64, 128].flatMap(rows =>
  [32, 64, 128]
    .filter(outputs => rows * outputs < 128 * 128)
    .flatMap(outputs =>
      [4, 8].flatMap(threadRows =>
        [4, 8]
          .map(threadOutputs => ({ rows, outputs, threadRows, threadOutputs }))
          .filter(tile => (rows / threadRows) * (outputs / tile.threadOutputs) <= MOST_THREADS)
          .flatMap(tile => [1, 2].map(slice => ({ ...tile, slice }))),
      ),
    ),
)

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
