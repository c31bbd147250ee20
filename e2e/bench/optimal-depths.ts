/**
 * The depth that makes most tokens per second, by requests at once: measured with the draft model at every depth, beside
 * the model of Su et al. (The Synergy of Speculative Decoding and Batching, 2310.18813) fitted to the same runs: a step's
 * time is linear in the depth, with a slope of its own for every batch, and the accepted tokens are c * depth^gamma.
 */
import type { Engine, Speculation } from '@foretoken/engine'
import type { BenchRow } from './bench-context'
import { fitDepth } from './depth-fit'
import { median } from './median'
import { shuffled } from './shuffled'
import { recordSteps } from './step-record'
import { answer, requestOf, tasksOf } from './workloads'

const DEPTHS = [0, 1, 2, 3, 4, 6, 8]

interface DepthSettings {
  /** Requests at once. */
  batches: readonly number[]
  rounds: number
  maxTokens: number
  random: () => number
}

/** What steps of a batch at one depth did. */
export interface DepthRun {
  batch: number
  depth: number
  /** Of a step. */
  ms: number
  /** Draft tokens accepted, per request and step. */
  accepted: number
}

export async function* optimalDepths(
  engine: Engine,
  { batches, rounds, maxTokens, random }: DepthSettings,
): AsyncGenerator<BenchRow> {
  const { maxSamples } = engine.stats().capacity
  const runs: DepthRun[] = []
  for (const batch of batches) {
    const depths = DEPTHS.filter(depth => batch * (depth + 1) <= maxSamples)
    const byDepth = new Map<number, DepthRun[]>(depths.map(depth => [depth, []]))
    for (let round = 0; round < rounds; round++) {
      for (const depth of shuffled(depths, random)) {
        byDepth.get(depth)!.push(await run(engine, batch, depth, maxTokens))
      }
    }
    for (const [depth, own] of byDepth) {
      const ms = median(own.map(one => one.ms))
      runs.push({ batch, depth, ms, accepted: median(own.map(one => one.accepted)) })
    }
  }
  for (const batch of batches) {
    const own = runs.filter(one => one.batch === batch)
    const best = own.reduce((a, b) => (speedOf(b) > speedOf(a) ? b : a))
    const maxDepth = Math.max(...own.map(({ depth }) => depth))
    yield {
      name: 's_opt',
      batch,
      metric: 'depth',
      value: best.depth,
      unit: '',
      fitted: fitDepth(runs, batch, maxDepth),
      maxDepth,
      gain: speedOf(best) / speedOf(own.find(({ depth }) => depth === 0)!),
      n: rounds,
    }
  }
}

/** Tokens per ms and request. */
export const speedOf = ({ ms, accepted }: DepthRun): number => (1 + accepted) / ms

async function run(engine: Engine, batch: number, depth: number, maxTokens: number): Promise<DepthRun> {
  // Short ones: read within few steps, so that all decode together for long.
  const tasks = tasksOf('story', 4)
  const speculation: Speculation = depth === 0 ? 'off' : { method: 'draft', depth }
  const requests = Array.from({ length: batch }, (_, i) => ({
    ...requestOf(tasks[i % tasks.length]!),
    maxTokens,
    ignoreEos: true,
    speculation,
  }))
  const { steps } = await recordSteps(engine, () =>
    Promise.all(requests.map(request => answer(engine, request))),
  )
  // All of the batch decode, none is cut short by the end.
  const whole = steps.filter(
    ({ requests: parts, promptRows }) =>
      promptRows === 0 && parts.length === batch && parts.every(part => part.depth === depth),
  )
  if (whole.length === 0) throw new Error(`No step of ${batch} requests at depth ${depth}.`)
  const parts = whole.flatMap(step => step.requests)
  return {
    batch,
    depth,
    ms: median(whole.map(({ wallMs }) => wallMs)),
    accepted: parts.reduce((sum, { accepted }) => sum + accepted, 0) / parts.length,
  }
}
