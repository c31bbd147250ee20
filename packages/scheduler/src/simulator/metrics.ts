/** What a run was like for those who waited, and how its drafts fared, in vLLM's names where it has them. */
export interface RequestTimes {
  arrivalMs: number
  firstTokenMs: number
  endMs: number
  numTokens: number
}

export interface Distribution {
  mean: number
  p50: number
  p99: number
}

export interface Metrics {
  numRequests: number
  numTokens: number
  /** From the first arrival to the last token. */
  spanMs: number
  tokensPerS: number
  /** Tokens per second in which a step ran: what the device gave, however long it had nothing to do. */
  goodput: number
  latencyMs: Distribution
  timeToFirstTokenMs: Distribution
  /** Between the tokens after the first, request by request. */
  timePerTokenMs: Distribution
  numDrafts: number
  numDraftTokens: number
  numAcceptedTokens: number
  numSteps: number
  /** Sequences in a step, on average. */
  meanBatch: number
}

export class MetricsCollector {
  readonly #requests: RequestTimes[] = []
  #numTokens = 0
  #busyMs = 0
  #numDrafts = 0
  #numDraftTokens = 0
  #numAcceptedTokens = 0
  #numSteps = 0
  #numRunning = 0

  observeStep(ms: number, numRunning: number): void {
    this.#busyMs += ms
    this.#numSteps++
    this.#numRunning += numRunning
  }

  observeDraft(depth: number, accepted: number): void {
    this.#numDrafts++
    this.#numDraftTokens += depth
    this.#numAcceptedTokens += accepted
  }

  observeRequest(times: RequestTimes): void {
    this.#requests.push(times)
    this.#numTokens += times.numTokens
  }

  summary(): Metrics {
    const requests = this.#requests
    const begin = requests.reduce((min, { arrivalMs }) => Math.min(min, arrivalMs), Number.POSITIVE_INFINITY)
    const end = requests.reduce((max, { endMs }) => Math.max(max, endMs), 0)
    const spanMs = requests.length > 0 ? end - begin : 0
    const longer = requests.filter(({ numTokens }) => numTokens > 1)
    return {
      numRequests: requests.length,
      numTokens: this.#numTokens,
      spanMs,
      tokensPerS: spanMs > 0 ? (1000 * this.#numTokens) / spanMs : 0,
      goodput: this.#busyMs > 0 ? (1000 * this.#numTokens) / this.#busyMs : 0,
      latencyMs: distribution(requests.map(({ arrivalMs, endMs }) => endMs - arrivalMs)),
      timeToFirstTokenMs: distribution(
        requests.map(({ arrivalMs, firstTokenMs }) => firstTokenMs - arrivalMs),
      ),
      timePerTokenMs: distribution(
        longer.map(({ firstTokenMs, endMs, numTokens }) => (endMs - firstTokenMs) / (numTokens - 1)),
      ),
      numDrafts: this.#numDrafts,
      numDraftTokens: this.#numDraftTokens,
      numAcceptedTokens: this.#numAcceptedTokens,
      numSteps: this.#numSteps,
      meanBatch: this.#numSteps > 0 ? this.#numRunning / this.#numSteps : 0,
    }
  }
}

function distribution(values: readonly number[]): Distribution {
  if (values.length === 0) return { mean: 0, p50: 0, p99: 0 }
  const sorted = new Float64Array(values).sort()
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!
  return { mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length, p50: at(0.5), p99: at(0.99) }
}
