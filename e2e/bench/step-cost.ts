/**
 * What a plain decode step takes beyond its matrices. Steps are timed as a generation runs them; a lone step, which
 * finds the caches and the clock of an idle machine, stands beside them.
 */
import { Engine, timeProducts } from '@foretoken/engine'
import { bundledModelUrl } from '@foretoken/tiny-models'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'
import { randomModel } from './random-model'
import { type StatsWindow, statsWindow } from './stats-window'

const prompt = 'Once upon a time, there was a little girl named Lily.'
/** Where half of the measured tokens have been written. */
const CONTEXT = 64
const MATMUL_ROUNDS = 20

interface Generation extends StatsWindow {
  /** From one step to the next, by the clock on the wall. */
  stepMs: number
}

export async function* stepCost({ quick, fetchModel }: BenchContext): AsyncGenerator<BenchRow> {
  const stories = fetchModel('stories260K-q8_0.gguf')
  yield* measure('bundled q8_0', bundledModelUrl, quick)
  if (stories) yield* measure('stories260K q8_0', stories, quick)
  // As many commands as a model of 1.5 B has.
  yield* measure('28 small layers f32', randomModel(1, { layers: 28, vocab: 512, context: 256 }), quick)
}

async function* measure(name: string, model: URL | Blob, quick: boolean): AsyncGenerator<BenchRow> {
  const [rounds, maxTokens] = quick ? [5, 64] : [7, 128]
  // Reading the GPU's clock takes time of its own, so speed is measured without.
  const plain = await Engine.load({ model }, { skipCalibration: true })
  const profiled = await Engine.load({ model }, { skipCalibration: true, profile: true })
  const runs: Generation[] = []
  const profiles: Generation[] = []
  const loneMs: number[] = []
  const matmulMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    runs.push(await generate(plain, maxTokens))
    profiles.push(await generate(profiled, maxTokens))
    loneMs.push((await plain.timeStep(0, 0, CONTEXT, 0)).ms)
    matmulMs.push(await meanMatmulMs(profiled))
  }
  await plain.dispose()
  await profiled.dispose()
  yield* rows(name, runs, profiles, loneMs, matmulMs)
}

/** Over many rounds, as a generation's step is over many tokens: what disturbs the machine is in both. */
async function meanMatmulMs(engine: Engine): Promise<number> {
  let ms = 0
  for (let i = 0; i < MATMUL_ROUNDS; i++) ms += await engine.timeTargetPass(1, CONTEXT, timeProducts)
  return ms / MATMUL_ROUNDS
}

/** The prefill is no step of this kind: it counts from the first batch on. */
async function generate(engine: Engine, maxTokens: number): Promise<Generation> {
  const request = { prompt, maxTokens, ignoreEos: true, speculation: 'off' } as const
  let before = engine.stats()
  let begin = 0
  for await (const _ of engine.generate(request)) {
    if (begin > 0) continue
    before = engine.stats()
    begin = performance.now()
  }
  const ms = performance.now() - begin
  const window = statsWindow(before, engine.stats())
  return { ...window, stepMs: ms / window.steps }
}

function* rows(
  model: string,
  runs: readonly Generation[],
  profiles: readonly Generation[],
  loneMs: readonly number[],
  matmulMs: readonly number[],
): Generator<BenchRow> {
  const row = (metric: string, value: number | null, unit: string): BenchRow => ({
    name: 'step',
    metric,
    value,
    unit,
    model,
    ...(value === null ? { note: 'not measured: the device has no timestamp queries' } : {}),
  })
  const middle = (value: (run: Generation) => number, of = runs): number => median(of.map(value))
  const isTimed = profiles.every(({ gpuMs }) => gpuMs > 0)
  const timed = (value: (run: Generation) => number): number | null =>
    isTimed ? middle(value, profiles) : null
  const stepMs = middle(run => run.stepMs)
  yield {
    ...row('step_ms', stepMs, 'ms'),
    tokens_per_s: 1000 / stepMs,
    lone_step_ms: median(loneMs),
  }
  yield row(
    'encode_ms',
    middle(run => run.encodeMs / run.steps),
    'ms',
  )
  yield row(
    'gpu_ms',
    timed(run => run.gpuMs / run.steps),
    'ms',
  )
  yield row(
    'outside_gpu_fraction',
    timed(run => 1 - run.gpuMs / run.steps / run.stepMs),
    '',
  )
  yield row(
    'creates_per_step',
    middle(run => run.creates / run.steps),
    '',
  )
  yield row(
    'dispatches',
    middle(run => run.dispatches / run.steps),
    '',
  )
  yield row('matmul_ms', median(matmulMs), 'ms')
  const overMatmul = runs.map((run, round) => run.stepMs / matmulMs[round]!)
  yield row('step_over_matmul', median(overMatmul), 'x')
}
