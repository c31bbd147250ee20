/**
 * Which draft is fastest, and what foretells it (Yan et al., Decoding Speculative Decoding, 2402.01528): for each draft
 * of the bundled family the tokens per second of the pair, beside TAR / (n * t_draft + t_target), n being the depth and
 * TAR the tokens per step. The parts of the prediction are timed by themselves, between the runs that it is to foretell;
 * what the CPU does between steps is not in it.
 */
import { Engine } from '@foretoken/engine'
import { family, prompts, results } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'

const drafts = ['wide', 'deep', 'tiny'] as const
type Draft = (typeof drafts)[number]
const workloads = ['story', 'chat', 'edit', 'extract'] as const

const depth = 4
const maxTokens = 128
/** Where the runs are on average: a prompt of some 60 tokens and half an answer. */
const context = 128

/** Sums over runs. `seconds` counts from the first batch on: prefill is not what a draft speeds up. */
interface Run {
  tokens: number
  steps: number
  seconds: number
}

interface Measured {
  runs: Run[]
  draftMs: number[]
  targetMs: number[]
}

export default async function* suite({ quick }: BenchContext): AsyncGenerator<BenchRow> {
  const [rounds, numPrompts] = quick ? [3, 1] : [7, 2]
  const engines = {} as Record<Draft, Engine>
  const measured = {} as Record<Draft, Measured>
  const off: Run[] = []
  for (const draft of drafts) {
    engines[draft] = await Engine.load({ model: family.target.q8_0, draft: family[draft].q8_0 })
    measured[draft] = { runs: [], draftMs: [], targetMs: [] }
  }
  // Interleaved: what disturbs this machine disturbs all drafts alike.
  for (let round = 0; round < rounds; round++) {
    for (const [name, engine] of Object.entries(engines)) {
      const { runs, draftMs, targetMs } = measured[name as Draft]
      runs.push(await run(engine, numPrompts, true))
      const alone = await engine.timeStep(depth, 0, context)
      const drafted = await engine.timeStep(depth, depth, context)
      targetMs.push(alone.ms)
      draftMs.push((drafted.ms - alone.ms) / depth)
    }
    off.push(await run(engines.wide, numPrompts, false))
  }
  yield { name: 'drafts', draft: 'off', metric: 'tokens_per_s', unit: 'tokens/s', ...range(off) }
  for (const [draft, its] of Object.entries(measured)) yield* rows(draft as Draft, its)
  yield* ranking(measured)
  for (const engine of Object.values(engines)) await engine.dispose()
}

async function run(engine: Engine, numPrompts: number, isDrafted: boolean): Promise<Run> {
  const sum = { tokens: 0, steps: 0, seconds: 0 }
  for (const content of workloads.flatMap(workload => prompts[workload].slice(0, numPrompts))) {
    const speculation = isDrafted ? ({ method: 'draft', depth } as const) : 'off'
    let begin = 0
    for await (const { tokens } of engine.generate({
      messages: [{ role: 'user', content }],
      maxTokens,
      speculation,
    })) {
      if (begin === 0) {
        begin = performance.now()
        continue
      }
      sum.tokens += tokens.length
      sum.steps++
    }
    sum.seconds += (performance.now() - begin) / 1000
  }
  return sum
}

/** Tokens per second: the middle round, the slowest and the fastest. */
function range(runs: readonly Run[]): { value: number; low: number; high: number } {
  const speeds = runs.map(({ tokens, seconds }) => tokens / seconds)
  return { value: median(speeds), low: Math.min(...speeds), high: Math.max(...speeds) }
}

const speed = (runs: readonly Run[]): number => range(runs).value

const tar = ({ runs: [first] }: Measured): number => first!.tokens / first!.steps

const predicted = (its: Measured): number =>
  (1000 * tar(its)) / (depth * median(its.draftMs) + median(its.targetMs))

function* rows(draft: Draft, its: Measured): Generator<BenchRow> {
  const row = (metric: string, value: number, unit: string): BenchRow => ({
    name: 'drafts',
    draft,
    depth,
    metric,
    value,
    unit,
  })
  const { shape, parameters, perplexity } = results.models[draft]
  yield row('layers', shape.layers, '')
  yield row('parameters', parameters, '')
  yield row('perplexity', perplexity, '')
  yield row('draft_step_ms', median(its.draftMs), 'ms')
  yield row('target_step_ms', median(its.targetMs), 'ms')
  yield row('tar', tar(its), 'tokens')
  yield { ...row('tokens_per_s', 0, 'tokens/s'), ...range(its.runs) }
  yield row('predicted_tokens_per_s', predicted(its), 'tokens/s')
  yield row('prediction_error', predicted(its) / speed(its.runs) - 1, '')
}

/** Drafts from best to worst by each measure, and whether the order by perplexity is the order by speed. */
function* ranking(measured: Record<Draft, Measured>): Generator<BenchRow> {
  const order = (score: (draft: Draft) => number): Draft[] => drafts.toSorted((a, b) => score(b) - score(a))
  const byPerplexity = order(draft => -results.models[draft].perplexity)
  const bySpeed = order(draft => speed(measured[draft].runs))
  const byTar = order(draft => tar(measured[draft]))
  const agrees = byPerplexity.join() === bySpeed.join()
  yield {
    name: 'drafts',
    metric: 'perplexity_predicts_speed',
    value: agrees ? 1 : 0,
    unit: '',
    byPerplexity,
    byTar,
    bySpeed,
  }
}
