import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { POLICY_NAMES } from '../policies'
import { arrivalsAtOnce, gammaArrivals, poissonArrivals, traceArrivals } from './arrivals'
import { llama70bH100, noisy, pairDevice, swiftShader } from './device'
import { Random } from './random'
import { simulate } from './simulate'
import { recordedWorkload, syntheticWorkload } from './workload'

const chat = syntheticWorkload({
  promptTokens: [50, 150],
  outputTokens: [60, 250],
  drafters: { lookup: { acceptance: 0.5, coverage: 0.6, concentration: 4 }, draft: { acceptance: 0.75 } },
})

describe('a simulation', { timeout: 60_000 }, () => {
  it.each(POLICY_NAMES)('%s: serves everyone, and is the same for the same seed', policy => {
    const run = (seed: number) =>
      simulate({
        policy,
        arrivals: poissonArrivals(4, 40, new Random(1)),
        workload: chat,
        device: noisy(swiftShader, { jitter: 0.05, lateness: 0.05 }),
        seed,
        hasDraft: true,
        maxConcurrent: 8,
        timelineSteps: 50,
      })
    const { metrics, timeline } = run(7)
    expect(metrics.numRequests).toBe(40)
    expect(metrics.latencyMs.p99).toBeGreaterThanOrEqual(metrics.latencyMs.p50)
    expect(metrics.timeToFirstTokenMs.mean).toBeLessThan(metrics.latencyMs.mean)
    expect(metrics.numAcceptedTokens).toBeLessThanOrEqual(metrics.numDraftTokens)
    expect(timeline).toHaveLength(50)
    for (const [i, step] of timeline.entries()) {
      const before = timeline[i - 1]
      if (before) expect(step.atMs).toBeGreaterThanOrEqual(before.atMs + before.ms)
    }
    expect(run(7)).toEqual({ metrics, timeline })
    expect(run(8).metrics).not.toEqual(metrics)
    if (policy === 'off') expect(metrics.numDrafts).toBe(0)
  })

  it('gives both rows of Yan et al. for their pairs of models', () => {
    // TAR 3.81 and 3.70 at n = 8: survival that gives them, the target's own token counted in.
    const survivalOf = (tar: number): number[] => {
      let [low, high] = [0, 1]
      const curve = (rate: number): number[] => Array.from({ length: 8 }, (_, i) => rate ** (i + 1))
      for (let i = 0; i < 60; i++) {
        const rate = (low + high) / 2
        if (1 + curve(rate).reduce((sum, s) => sum + s, 0) < tar) low = rate
        else high = rate
      }
      return curve(low)
    }
    const tokensPerS = (tar: number, draftStepMs: number): number =>
      simulate({
        policy: 'fixed',
        policyOptions: { method: 'draft', depth: 8 },
        arrivals: arrivalsAtOnce(40),
        workload: syntheticWorkload({
          promptTokens: 1,
          outputTokens: 2000,
          drafters: { draft: { acceptance: survivalOf(tar) } },
        }),
        device: pairDevice(draftStepMs, 60),
        seed: 1,
        hasDraft: true,
        maxConcurrent: 1,
      }).metrics.goodput
    expect(Math.abs(tokensPerS(3.81, 13.13) / 23.1 - 1)).toBeLessThan(0.015)
    expect(Math.abs(tokensPerS(3.7, 6.69) / 32.59 - 1)).toBeLessThan(0.015)
  })

  it('plays recorded runs again', () => {
    const run = (policy: 'off' | 'goodput') =>
      simulate({
        policy,
        arrivals: arrivalsAtOnce(20),
        workload: recordedWorkload([
          { promptTokens: 10, outcomes: { lookup: Array.from({ length: 120 }, (_, i) => 120 - i) } },
        ]),
        device: swiftShader,
        seed: 1,
        maxConcurrent: 1,
      }).metrics
    expect(run('goodput').numTokens).toBe(20 * 120)
    expect(run('goodput').goodput / run('off').goodput).toBeGreaterThan(2)
  })

  it('drains the queue at twice the rate that the device sustains', () => {
    const { metrics } = simulate({
      policy: 'goodput',
      arrivals: poissonArrivals(8, 200, new Random(3)),
      workload: chat,
      device: swiftShader,
      seed: 1,
      hasDraft: true,
      maxConcurrent: 16,
    })
    expect(metrics.numRequests).toBe(200)
    expect(metrics.spanMs).toBeGreaterThan((2 * 200 * 1000) / 8)
  })

  // 100,000 in a minute: time grows with their number.
  it('of 25,000 requests takes less than a quarter of a minute of one core', { timeout: 60_000 }, () => {
    const begin = process.cpuUsage()
    const { metrics } = simulate({
      policy: 'goodput',
      arrivals: poissonArrivals(40, 25_000, new Random(1)),
      workload: syntheticWorkload({
        promptTokens: [16, 128],
        outputTokens: [16, 64],
        drafters: { lookup: { acceptance: 0.7, coverage: 0.7, concentration: 4 } },
      }),
      device: llama70bH100,
      seed: 1,
      contextLength: 512,
    })
    expect(metrics.numRequests).toBe(25_000)
    const { user, system } = process.cpuUsage(begin)
    expect((user + system) / 1000).toBeLessThan(15_000)
  })
})

describe('arrivals', { timeout: 30_000 }, () => {
  const gaps = (arrivals: ReadonlyArray<{ atMs: number }>): number[] =>
    arrivals.slice(1).map(({ atMs }, i) => atMs - arrivals[i]!.atMs)
  const spread = (values: number[]): number => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) / mean
  }

  it('of Poisson and Gamma have their rate and burstiness', () => {
    const poisson = poissonArrivals(10, 20_000, new Random(1))
    expect(poisson.at(-1)!.atMs / 20_000).toBeCloseTo(100, -1)
    expect(spread(gaps(poisson))).toBeCloseTo(1, 1)
    for (const burstiness of [0.5, 3]) {
      const gamma = gammaArrivals(10, burstiness, 40_000, new Random(2))
      expect(Math.abs(gamma.at(-1)!.atMs / 40_000 - 100)).toBeLessThan(6)
      expect(Math.abs(spread(gaps(gamma)) / burstiness - 1)).toBeLessThan(0.08)
    }
  })

  const trace = new URL('../../../../../shared/traces/AzureLLMInferenceTrace_code.csv', import.meta.url)

  it.skipIf(!existsSync(trace))('of an Azure trace are served', () => {
    const csv = readFileSync(trace, 'utf8')
    const whole = traceArrivals(csv)
    expect(whole).toHaveLength(8819)
    expect(whole[1]!.atMs).toBeCloseTo(52, 3)
    expect(
      traceArrivals(csv, { count: 10_000 }).every(({ atMs }, i, all) => atMs >= (all[i - 1]?.atMs ?? 0)),
    ).toBe(true)
    const { metrics } = simulate({
      policy: 'goodput',
      arrivals: traceArrivals(csv, { count: 300 }),
      workload: chat,
      device: llama70bH100,
      seed: 1,
    })
    expect(metrics.numRequests).toBe(300)
    expect(metrics.numTokens).toBe(
      whole.slice(0, 300).reduce((sum, { outputTokens }) => sum + outputTokens!, 0),
    )
  })
})
