/** When requests come, and how long they are where a trace says so. */
import type { Random } from './random'

export interface Arrival {
  atMs: number
  promptTokens?: number
  outputTokens?: number
}

/** One after the other, `ratePerS` of them in a second on average, without memory. */
export const poissonArrivals = (ratePerS: number, count: number, random: Random): Arrival[] =>
  spaced(count, () => random.exponential(1000 / ratePerS))

/** `burstiness`: standard deviation over mean of the time between two; 1 is Poisson, more comes in bursts. */
export function gammaArrivals(
  ratePerS: number,
  burstiness: number,
  count: number,
  random: Random,
): Arrival[] {
  const shape = 1 / burstiness ** 2
  return spaced(count, () => random.gamma(shape, 1000 / ratePerS / shape))
}

/** All at once. */
export const arrivalsAtOnce = (count: number): Arrival[] => spaced(count, () => 0)

/**
 * The Azure LLM inference traces (CSV: TIMESTAMP, ContextTokens, GeneratedTokens), `speed` times as fast as they were.
 * With more than they hold, they start over.
 */
export function traceArrivals(csv: string, { speed = 1, count = Number.POSITIVE_INFINITY } = {}): Arrival[] {
  const trace = csv
    .trim()
    .split('\n')
    .slice(1)
    .map(line => {
      const [timestamp, prompt, output] = line.split(',')
      return {
        atMs: timestampMs(timestamp!),
        promptTokens: Math.max(1, Number(prompt)),
        outputTokens: Math.max(1, Number(output)),
      }
    })
  const [first, last] = [trace[0]!.atMs, trace.at(-1)!.atMs]
  const lapMs = (last - first) * (1 + 1 / trace.length)
  return Array.from({ length: Math.min(count, Number.isFinite(count) ? count : trace.length) }, (_, i) => {
    const { atMs, ...lengths } = trace[i % trace.length]!
    return { atMs: (atMs - first + Math.floor(i / trace.length) * lapMs) / speed, ...lengths }
  })
}

function spaced(count: number, gapMs: () => number): Arrival[] {
  let atMs = 0
  return Array.from({ length: count }, () => {
    atMs += gapMs()
    return { atMs }
  })
}

/** "2023-11-16 18:17:03.9799600", as if it were UTC. */
function timestampMs(timestamp: string): number {
  const [seconds, fraction = '0'] = timestamp.trim().split('.')
  return Date.parse(`${seconds!.replace(' ', 'T')}Z`) + 1000 * Number(`0.${fraction}`)
}
