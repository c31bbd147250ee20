/**
 * Tokens per second of stories260K without speculation, with lookup, with its draft and with the controller; and
 * what a step costs beside the GPU's own work. Medians over interleaved rounds: this machine may be noisy.
 * With `--shape` a model of that shape instead, with a drafter of known acceptance.
 */
import { Engine, type Speculation } from '@foretoken/engine'
import type { BenchContext, BenchRow } from './bench-context'
import { forcedAcceptance } from './forced-acceptance'
import { median } from './median'
import { type StatsWindow, statsWindow } from './stats-window'

const modes: Record<string, Speculation> = {
  off: 'off',
  lookup: { method: 'lookup', depth: 3 },
  draft: { method: 'draft', depth: 3 },
  auto: 'auto',
}

const prompt = 'Once upon a time, there was a little girl named Lily.'

export default async function* decode(context: BenchContext): AsyncGenerator<BenchRow> {
  if (context.shape) {
    yield* forcedAcceptance(context.shape, context.format!, context)
    return
  }
  const draft = context.fetchModel('stories40K-f32.gguf')
  const formats = context.quick ? ['f32', 'q8_0'] : ['f32', 'f16', 'q8_0', 'q4_0']
  const [rounds, maxTokens] = context.quick ? [3, 64] : [5, 200]
  for (const format of formats) {
    const file = `stories260K-${format}.gguf`
    const model = context.fetchModel(file)
    if (!model || !draft) throw new Error('The suite decode needs ../shared/models.')
    const engine = await Engine.load({ model, draft }, { profile: true })
    const speeds = new Map<string, number[]>()
    const used = new Map<string, StatsWindow>()
    for (let round = 0; round < rounds; round++) {
      for (const [name, speculation] of Object.entries(modes)) {
        const before = engine.stats()
        const begin = performance.now()
        for await (const _ of engine.generate({ prompt, maxTokens, ignoreEos: true, speculation })) {
          // Only the clock matters.
        }
        const seconds = (performance.now() - begin) / 1000
        speeds.set(name, [...(speeds.get(name) ?? []), maxTokens / seconds])
        used.set(name, statsWindow(before, engine.stats()))
      }
    }
    for (const [name, runs] of speeds) {
      yield* rows(file, name, median(runs), used.get(name)!)
      const ratios = runs.map((speed, round) => speed / speeds.get('off')![round]!)
      yield row(file, name, 'speed_over_off', median(ratios), 'x')
    }
    await engine.dispose()
  }
}

function row(model: string, speculation: string, metric: string, value: number, unit: string): BenchRow {
  return { name: 'decode', model, speculation, metric, value, unit }
}

function* rows(model: string, speculation: string, speed: number, used: StatsWindow): Generator<BenchRow> {
  yield row(model, speculation, 'tokens_per_s', speed, 'tokens/s')
  yield row(model, speculation, 'tokens_per_step', used.tokens / used.steps, 'tokens')
  yield row(model, speculation, 'step_ms', used.wallMs / used.steps, 'ms')
  if (used.gpuMs > 0) yield row(model, speculation, 'outside_gpu_fraction', 1 - used.gpuMs / used.wallMs, '')
  yield row(model, speculation, 'dispatches_per_token', used.dispatches / used.tokens, '')
  yield row(model, speculation, 'creates_per_step', used.creates / used.steps, '')
  if (used.drafted > 0) yield row(model, speculation, 'acceptance', used.accepted / used.drafted, '')
}
