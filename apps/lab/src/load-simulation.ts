/** Latency against request rate, simulated with what the engine measured. Runs in a worker: it takes seconds. */
import { type CostTable, type Method, POLICY_NAMES, type PolicyName } from '@foretoken/scheduler'
import {
  poissonArrivals,
  Random,
  simulate,
  syntheticWorkload,
  tableDevice,
} from '@foretoken/scheduler/simulator'

export interface Measured {
  cost: { target: CostTable; draft: CostTable }
  survival: Partial<Record<Method, readonly number[]>>
}

export interface LoadCurves {
  /** Requests per second. */
  rates: number[]
  /** Mean seconds from arrival to the last token, by rate. */
  latency: Record<PolicyName, number[]>
}

/** What is not measured here is said beside the plot. */
export const ASSUMED = {
  promptTokens: [30, 90],
  outputTokens: [40, 120],
  lookupCoverage: 0.5,
  maxConcurrent: 16,
  numRequests: 150,
} as const

/** Of the rate at which a device without speculation is always busy. */
const SHARES = [0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3]

export function simulateLoad({ cost, survival }: Measured): LoadCurves {
  const device = tableDevice(cost)
  const { maxConcurrent, promptTokens, outputTokens, lookupCoverage, numRequests } = ASSUMED
  const rows = {
    rows: maxConcurrent,
    numSequences: maxConcurrent,
    numContext: 0,
    numDrafted: 0,
    draftRows: [],
  }
  const tokensPerS = (1000 * maxConcurrent) / device(rows, new Random(0))
  const busiest = tokensPerS / ((outputTokens[0] + outputTokens[1]) / 2)
  const rates = SHARES.map(share => share * busiest)
  const workload = syntheticWorkload({
    promptTokens,
    outputTokens,
    drafters: Object.fromEntries(
      Object.entries(survival).map(([method, acceptance]) => [
        method,
        { acceptance, coverage: method === 'lookup' ? lookupCoverage : 1 },
      ]),
    ),
  })
  const latencyOf = (policy: PolicyName): number[] =>
    rates.map(rate => {
      const arrivals = poissonArrivals(rate, numRequests, new Random(1))
      const hasDraft = survival.draft !== undefined
      return (
        simulate({ policy, arrivals, workload, device, seed: 1, maxConcurrent, hasDraft }).metrics.latencyMs
          .mean / 1000
      )
    })
  const latency = Object.fromEntries(POLICY_NAMES.map(policy => [policy, latencyOf(policy)]))
  return { rates, latency: latency as LoadCurves['latency'] }
}
