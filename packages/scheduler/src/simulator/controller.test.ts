/** The controller's cases of speculation.md 10.5, and what Su et al. and SmartSpec measured, on simulated devices. */
import { describe, expect, it } from 'vitest'
import type { PolicyName, PolicyOptions } from '../policies'
import { type Arrival, arrivalsAtOnce, poissonArrivals } from './arrivals'
import { type Device, llama70bH100, noisy, rooflineDevice, swiftShader, tableDevice } from './device'
import type { Metrics } from './metrics'
import { Random } from './random'
import { simulate, type TimelineStep } from './simulate'
import { type SyntheticWorkload, syntheticWorkload, type Workload } from './workload'

const lookup = (acceptance: number, extra: object = {}): SyntheticWorkload['drafters'] => ({
  lookup: { acceptance, ...extra },
})

/** Mean draft tokens of steps in which the answer's position is in [from, to): one request alone. */
function depths(timeline: readonly TimelineStep[], from: number, to: number): number {
  let position = 0
  const inside: number[] = []
  for (const { drafted, numTokens } of timeline) {
    if (position >= from && position < to) inside.push((drafted.lookup ?? 0) + (drafted.draft ?? 0))
    position += numTokens
  }
  return inside.reduce((sum, depth) => sum + depth, 0) / inside.length
}

const alone = (workload: Workload, device: Device): TimelineStep[] =>
  simulate({
    policy: 'goodput',
    arrivals: arrivalsAtOnce(1),
    workload,
    device,
    seed: 1,
    timelineSteps: 10_000,
  }).timeline

/** Nearly all accepted, then nothing, then nearly all again. */
const phased = (): Workload =>
  syntheticWorkload({
    promptTokens: 4,
    outputTokens: 1200,
    drafters: {},
    phases: {
      tokens: 400,
      drafters: [lookup(0.98), lookup(0.001), lookup(0.98)],
    },
  })

const stepsOf = (costs: readonly number[]): Device =>
  tableDevice({ target: costs.map((ms, i) => ({ rows: i + 1, ms })) })

describe('one request', { timeout: 30_000 }, () => {
  const affine: Device = ({ rows }) => 17 + 3 * (rows - 1)

  it('follows acceptance 7 -> 0 -> 7', () => {
    const timeline = alone(phased(), affine)
    expect(depths(timeline, 100, 400)).toBeGreaterThan(6)
    expect(depths(timeline, 450, 800)).toBeLessThan(1)
    expect(depths(timeline, 900, 1200)).toBeGreaterThan(6)
  })

  it('keeps to a middle depth where a longer one is dear', () => {
    const cliff = stepsOf([17, 20, 23, 26, 29, ...new Array<number>(12).fill(72)])
    const workload = syntheticWorkload({ promptTokens: 4, outputTokens: 600, drafters: lookup(0.9) })
    const depth = depths(alone(workload, cliff), 100, 600)
    expect(depth).toBeGreaterThan(3)
    expect(depth).toBeLessThan(6)
  })

  it('is not disturbed by steps that take 8 times as long, every third of them', () => {
    let numSteps = 0
    const late: Device = (load, random) => affine(load, random) * (numSteps++ % 3 === 0 ? 8 : 1)
    const workload = syntheticWorkload({ promptTokens: 4, outputTokens: 600, drafters: lookup(0.8) })
    const [disturbed, quiet] = [late, affine].map(device => depths(alone(workload, device), 60, 600))
    expect(Math.abs(disturbed! - quiet!)).toBeLessThan(1.5)
  })

  it('does not go through all long drafts where acceptance is low', () => {
    const workload = syntheticWorkload({ promptTokens: 4, outputTokens: 600, drafters: lookup(0.05) })
    const timeline = alone(workload, affine).slice(1)
    expect(timeline.filter(({ drafted }) => (drafted.lookup ?? 0) > 4).length).toBeLessThan(3)
    expect(timeline.reduce((sum, { drafted }) => sum + (drafted.lookup ?? 0), 0)).toBeLessThan(60)
  })
})

const rate = (
  policy: PolicyName,
  options: PolicyOptions,
  cell: { workload: Workload; device: Device; numRequests: number; concurrency: number; seed?: number },
): number =>
  simulate({
    policy,
    policyOptions: options,
    arrivals: arrivalsAtOnce(cell.numRequests),
    workload: cell.workload,
    device: cell.device,
    seed: cell.seed ?? 1,
    hasDraft: true,
    maxConcurrent: cell.concurrency,
  }).metrics.tokensPerS

describe('goodput against fixed choices, from a cold start', {
  timeout: 60_000,
}, () => {
  const answers = { promptTokens: 100, outputTokens: [60, 250] as const }
  const workloads: Record<string, Workload> = {
    story: syntheticWorkload({
      ...answers,
      drafters: {
        ...lookup(0.4, { coverage: 0.5, concentration: 5 }),
        draft: { acceptance: 0.85, concentration: 20 },
      },
    }),
    hopeless: syntheticWorkload({
      ...answers,
      drafters: {
        ...lookup(0.1, { coverage: 0.7, concentration: 5 }),
        draft: { acceptance: 0.25, concentration: 20 },
      },
    }),
    edit: syntheticWorkload({
      ...answers,
      drafters: { ...lookup(0.93, { coverage: 0.95, concentration: 15 }), draft: { acceptance: 0.7 } },
    }),
    // Reading the prompt takes a draft model longer than it could save.
    short: syntheticWorkload({
      promptTokens: [100, 300],
      outputTokens: [5, 25],
      drafters: { ...lookup(0.8, { coverage: 0.4, concentration: 5 }), draft: { acceptance: 0.75 } },
    }),
    extract: syntheticWorkload({
      ...answers,
      drafters: {},
      phases: {
        tokens: 40,
        drafters: [
          { ...lookup(0.97), draft: { acceptance: 0.6 } },
          { ...lookup(0.15, { coverage: 0.5 }), draft: { acceptance: 0.6 } },
        ],
      },
    }),
  }

  for (const [name, workload] of Object.entries(workloads)) {
    it.each([1, 4, 16])(`${name}, %i at once`, concurrency => {
      // Costs that are noisy are learnt, and what was chosen is judged by what it costs without noise.
      let quietMs = 0
      const counted: Device = (load, random) => {
        const ms = swiftShader(load, random)
        if (load.numContext > 0) quietMs += ms
        return ms
      }
      const device = noisy(counted, { jitter: 0.05, lateness: 0.06 })
      const cell = { workload, device, numRequests: Math.max(10, 2 * concurrency), concurrency }
      const msOf = (policy: PolicyName, options: PolicyOptions = {}): number => {
        quietMs = 0
        for (const seed of [1, 2, 3]) rate(policy, options, { ...cell, seed })
        return quietMs
      }
      const off = msOf('off')
      const fixed = (['lookup', 'draft'] as const).flatMap(method =>
        [1, 2, 4, 8].map(depth => msOf('fixed', { method, depth })),
      )
      const best = Math.min(off, ...fixed)
      const ratio = best / msOf('goodput')
      expect(ratio).toBeGreaterThan(off === best ? 0.97 : 0.95)
    })
  }

  it('never loses more than 5 % to off, though the draft is right only when it is not asked for long', () => {
    const workload = syntheticWorkload({
      promptTokens: 20,
      outputTokens: 400,
      drafters: {},
      phases: {
        tokens: 12,
        drafters: [
          { draft: { acceptance: 0.97 } },
          { draft: { acceptance: 0.01 } },
          { draft: { acceptance: 0.01 } },
        ],
      },
    })
    const cell = { workload, device: swiftShader, numRequests: 12, concurrency: 1 }
    expect(rate('goodput', {}, cell) / rate('off', {}, cell)).toBeGreaterThan(0.95)
  })
})

describe('Synergy (Su et al., 2310.18813)', { timeout: 60_000 }, () => {
  const device = rooflineDevice({ fixedMs: 20, msPerRow: 0.62, draftStepMs: 1.2 })
  const workload = syntheticWorkload({
    promptTokens: 8,
    outputTokens: 200,
    drafters: { draft: { acceptance: 0.8 } },
  })
  const speed = (batch: number, depth: number): number =>
    rate(
      depth === 0 ? 'off' : 'fixed',
      { method: 'draft', depth },
      {
        workload,
        device,
        numRequests: batch,
        concurrency: batch,
      },
    )

  it('the best length never rises with the batch, and one request gains more than 32', () => {
    const best = [1, 2, 4, 8, 16, 32].map(batch => {
      const speeds = Array.from({ length: 9 }, (_, depth) => speed(batch, depth))
      const depth = speeds.indexOf(Math.max(...speeds))
      return { depth, gain: speeds[depth]! / speeds[0]! }
    })
    const found = best.map(({ depth }) => depth)
    expect(found).toEqual(found.toSorted((a, b) => b - a))
    expect(found[0]).toBeGreaterThan(found.at(-1)!)
    expect(best[0]!.gain).toBeGreaterThan(best.at(-1)!.gain + 0.5)
  })

  it.each([1, 8, 32])('the table’s choice at batch %i is within 5 % of the best fixed one', batch => {
    const cell = { workload, device, numRequests: Math.max(8, 2 * batch), concurrency: batch }
    const fixed = Array.from({ length: 9 }, (_, depth) =>
      rate(depth === 0 ? 'off' : 'fixed', { method: 'draft', depth }, cell),
    )
    expect(rate('batch-table', {}, cell) / Math.max(...fixed)).toBeGreaterThan(0.95)
  })
})

describe('SmartSpec (Liu et al., 2406.14066): Llama-70B on H100', { timeout: 120_000 }, () => {
  const serve = (
    policy: PolicyName,
    policyOptions: PolicyOptions,
    workload: Workload,
    arrivals: Arrival[],
  ): Metrics =>
    simulate({ policy, policyOptions, arrivals, workload, device: llama70bH100, seed: 2, maxConcurrent: 64 })
      .metrics

  it.each([0.3, 0.7])(
    'over request rates, at acceptance %f, goodput follows the best fixed length',
    acceptance => {
      const workload = syntheticWorkload({
        promptTokens: [50, 300],
        outputTokens: [60, 250],
        drafters: lookup(acceptance, { concentration: 6 }),
      })
      for (const perS of [1, 6, 12, 18]) {
        const arrivals = poissonArrivals(perS, 120, new Random(9))
        const latency = (policy: PolicyName, options: PolicyOptions = {}): number =>
          serve(policy, options, workload, arrivals).latencyMs.mean
        const envelope = Math.min(
          latency('off'),
          ...[1, 2, 3, 5, 8, 12, 16].map(depth => latency('fixed', { method: 'lookup', depth })),
        )
        expect(latency('goodput') / envelope).toBeLessThan(1.03)
      }
    },
  )

  it('on text that copies, latency falls to less than 1 / 3.2 of off at the best rate', () => {
    const workload = syntheticWorkload({
      promptTokens: [50, 300],
      outputTokens: [60, 250],
      drafters: lookup(0.93, { coverage: 0.97 }),
    })
    const gains = [1, 6, 12].map(perS => {
      const arrivals = poissonArrivals(perS, 120, new Random(9))
      const [off, goodput] = (['off', 'goodput'] as const).map(policy =>
        serve(policy, {}, workload, arrivals),
      )
      return off!.latencyMs.mean / goodput!.latencyMs.mean
    })
    expect(Math.max(...gains)).toBeGreaterThan(3.2)
  })
})
