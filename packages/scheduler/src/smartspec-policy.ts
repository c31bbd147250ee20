/**
 * SmartSpec (Liu et al., 2406.14066, as its authors' vLLM fork does it): one depth for the whole batch by goodput, from a
 * moving average of acceptance and a linear model of latency; looked at every 20 steps, and speculation must promise more
 * than 10 % over none. Two things differ. It compares all depths: the original stops at the first decrease, which misses
 * optima where costs have steps (`stopAtFirstDecrease` brings that back). And where it is off it tries the full depth
 * every 200 steps, as the authors' later AutoTuner does: else its average would never move again.
 */
import { everywhere } from './fixed-policy'
import { LatencyModel } from './latency-model'
import {
  type Choice,
  MAX_DEPTH,
  METHODS,
  type Method,
  netOf,
  numPassesOf,
  OFF,
  offerOf,
  type Policy,
  type Situation,
} from './policy'

const CADENCE = 20
const RETRY_EVERY = 200
const OFF_GUARD = 1.1
const START_ACCEPTANCE = 0.7
const FOLLOW = 0.15

export interface SmartSpecOptions {
  /** All that are on offer are compared where it is left open. */
  method?: Method
  stopAtFirstDecrease?: boolean
}

export class SmartSpecPolicy implements Policy {
  readonly #methods: readonly Method[]
  readonly #stopAtFirstDecrease: boolean
  readonly #acceptance = new Map<Method, MovingAverage>(METHODS.map(method => [method, new MovingAverage()]))
  #numDecisions = 0
  #choice: Choice = OFF

  constructor({ method, stopAtFirstDecrease = false }: SmartSpecOptions = {}) {
    this.#methods = method ? [method] : METHODS
    this.#stopAtFirstDecrease = stopAtFirstDecrease
  }

  choose(situation: Situation): Choice[] {
    for (const average of this.#acceptance.values()) average.endStep()
    const step = this.#numDecisions++
    if (step % CADENCE === 0) this.#choice = this.#best(situation)
    const retry = this.#choice.method === 'off' && step % RETRY_EVERY === RETRY_EVERY - 1
    const method = this.#methods[Math.floor(step / RETRY_EVERY) % this.#methods.length]!
    return everywhere(situation, retry ? { method, depth: MAX_DEPTH } : this.#choice)
  }

  observe({ method, depth }: Choice, numAccepted: number): void {
    if (method !== 'off') this.#acceptance.get(method)!.observe(depth, numAccepted)
  }

  #best({ contenders, baseRows, prefillRows, baseTokens, numContext, cost }: Situation): Choice {
    const rows = baseRows + prefillRows
    const target = cost.latency.fit(cost.target.table())
    const plainTokens = baseTokens + contenders.length
    let best = { choice: OFF, goodput: (OFF_GUARD * plainTokens) / target(rows, numContext) }
    for (const method of this.#methods) {
      const offers = contenders
        .map(contender => offerOf(contender, method))
        .filter(offer => offer?.gains.length)
      if (offers.length === 0) continue
      const net = netOf(method)
      const passMs = net ? new LatencyModel().fit(cost.of(net).table())(offers.length, 0) : 0
      let last = best.goodput
      for (let depth = 1; depth <= MAX_DEPTH; depth++) {
        const more = expectedLength(this.#acceptance.get(method)!.value, depth) - 1
        const ms = target(rows + depth * offers.length, numContext) + numPassesOf(offers[0]!, depth) * passMs
        const goodput = (plainTokens + more * offers.length) / ms
        if (goodput > best.goodput) best = { choice: { method, depth }, goodput }
        else if (this.#stopAtFirstDecrease && goodput < last) break
        last = goodput
      }
    }
    return best.choice
  }
}

/** Tokens of a round, the target's own among them: (1 - a^(k+1)) / (1 - a). */
const expectedLength = (a: number, depth: number): number =>
  a === 1 ? depth + 1 : (1 - a ** (depth + 1)) / (1 - a)

/** Of the chance that a token is accepted, by step. */
class MovingAverage {
  value = START_ACCEPTANCE
  #tried = 0
  #accepted = 0

  /** Tokens behind a rejection were not tried. */
  observe(depth: number, numAccepted: number): void {
    this.#tried += Math.min(depth, numAccepted + 1)
    this.#accepted += numAccepted
  }

  endStep(): void {
    if (this.#tried === 0) return
    this.value += FOLLOW * (this.#accepted / this.#tried - this.value)
    this.#tried = 0
    this.#accepted = 0
  }
}
