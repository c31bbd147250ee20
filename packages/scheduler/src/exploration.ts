/**
 * What a policy tries beside its best choice, so that costs and acceptance stay measured. The toll is bounded: a probe is
 * paid for from TOLL of the time that steps take, with the time that it is expected to lose, so that dear ones come
 * rarely, cheap ones more often, and those that cost more than the purse holds never. Nothing is tried that was tried or
 * used a short while ago; what could not win even if it were a quarter better than believed has to wait longer. Of the
 * rest the turn comes first to what would win most then, and sooner the longer it was left alone.
 */
import { everywhere } from './fixed-policy'
import { expectedMs, goodput } from './goodput'
import {
  type Choice,
  MAX_DEPTH,
  MAX_NODES,
  METHODS,
  type Method,
  OFF,
  offerOf,
  type Situation,
} from './policy'

const TOLL = 0.005
/** What the purse holds, at first and at most, and what a probe costs at least, in steps. */
const FIRST_SAVED = 2
const MOST_SAVED = 12
const LEAST_PRICE = 0.1
const FRESH_FOR = { plausible: 64, implausible: 512 }
/** Steps for which a draft model is tried, if it can be paid for: the first, with the catch-up, is the dearest. */
const TRIAL_STEPS = 4
/** Steps between two looks for something to try. */
const LOOK_EVERY = 8
const OPTIMISM = 1.25
/** What cannot win is still worth a look, some day. */
const LEAST_GAIN = 0.001

const NO_TRIAL = { choice: OFF, stepsLeft: 0, isPaid: false }

export class Exploration {
  #savedMs: number | undefined
  #trial = NO_TRIAL
  #numSteps = 0
  #lastLook = 0
  /** Steps by drafter and depth. */
  readonly #lastUsed = new Map<Choice['method'], number[]>()

  /** A step for which nothing was decided. */
  rest(): void {
    this.#numSteps++
  }

  /** A decision: whether it is time to try something. */
  isDue(best: readonly Choice[]): boolean {
    for (const choice of best) this.#use(choice)
    this.#numSteps++
    return best.length > 0 && (this.#trial.stepsLeft > 0 || this.#sinceLook >= LOOK_EVERY)
  }

  get #sinceLook(): number {
    return this.#numSteps - this.#lastLook
  }

  /** Choices to be tried in place of the best ones, or undefined. */
  probe(situation: Situation, best: readonly Choice[]): Choice[] | undefined {
    const goneOn = this.#goOn(situation, best)
    if (goneOn) return goneOn
    return this.#sinceLook >= LOOK_EVERY ? this.#look(situation, best) : undefined
  }

  /** The next step of a trial that has begun. */
  #goOn(situation: Situation, best: readonly Choice[]): Choice[] | undefined {
    const { choice, stepsLeft, isPaid } = this.#trial
    const choices = stepsLeft > 0 ? tried(situation, best, choice) : undefined
    const price = choices && !isPaid ? new Prices(situation, best).of(choices) : 0
    if (!choices || price > this.#savedMs!) {
      this.#trial = NO_TRIAL
      return undefined
    }
    this.#savedMs! -= price
    this.#trial = { choice, stepsLeft: stepsLeft - 1, isPaid }
    return choices
  }

  /** What is worth most to be tried, of what can be paid for. */
  #look(situation: Situation, best: readonly Choice[]): Choice[] | undefined {
    const prices = new Prices(situation, best)
    const { stepMs, rate } = prices
    const toll = TOLL * this.#sinceLook * stepMs
    const saved = Math.min((this.#savedMs ?? FIRST_SAVED * stepMs) + toll, MOST_SAVED * stepMs)
    this.#savedMs = saved
    this.#lastLook = this.#numSteps
    let probe: { choice: Choice; choices: Choice[]; price: number; worth: number } | undefined
    const offered = new Set(situation.contenders.flatMap(({ offers }) => offers.map(({ method }) => method)))
    for (const choice of probesAround(deepest(best), offered)) {
      const age = this.#age(choice)
      if (age < FRESH_FOR.plausible) continue
      const choices = tried(situation, best, choice)
      if (!choices) continue
      const gain = (goodput(situation, choices) * OPTIMISM) / rate - 1
      if (gain < 0 && age < FRESH_FOR.implausible) continue
      const worth = age * Math.max(gain, LEAST_GAIN)
      const price = prices.of(choices)
      if (price <= saved && worth > (probe?.worth ?? 0)) probe = { choice, choices, price, worth }
    }
    if (!probe) return undefined
    const { choice, choices, price } = probe
    this.#use(choice)
    this.#savedMs = saved - price
    const drafts = situation.contenders.some(contender => offerOf(contender, choice.method)?.drafting)
    if (drafts) this.#trial = { choice, stepsLeft: TRIAL_STEPS - 1, isPaid: false }
    // What needs tokens that are out is tried once they are in: then it is decided again.
    else if (choices.some(({ waits }) => waits)) this.#trial = { choice, stepsLeft: 1, isPaid: true }
    return choices
  }

  #age({ method, depth }: Choice): number {
    return this.#numSteps - (this.#lastUsed.get(method)?.[depth] ?? 0)
  }

  #use({ method, depth }: Choice): void {
    let steps = this.#lastUsed.get(method)
    if (!steps) {
      steps = new Array<number>(MAX_NODES + 1).fill(0)
      this.#lastUsed.set(method, steps)
    }
    steps[depth] = this.#numSteps
  }
}

/** A draft model is tried for one sequence, the one that it knows best; everything else for all who can. */
function tried(situation: Situation, best: readonly Choice[], choice: Choice): Choice[] | undefined {
  const { contenders, freeRows } = situation
  const lags = contenders.map(
    contender => offerOf(contender, choice.method)?.drafting?.lag ?? Number.POSITIVE_INFINITY,
  )
  const least = Math.min(...lags)
  if (Number.isFinite(least)) {
    const at = lags.indexOf(least)
    const depth = Math.min(choice.depth, offerOf(contenders[at]!, choice.method)!.gains.length)
    const rows = best.reduce((sum, other, i) => sum + (i === at ? depth : other.depth), 0)
    return depth > 0 && rows <= freeRows ? best.with(at, { method: choice.method, depth }) : undefined
  }
  const choices = everywhere(situation, choice)
  return choice.depth === 0 || choices.some(({ depth }) => depth > 0) ? choices : undefined
}

/** What it costs to try something in place of the best choices. */
class Prices {
  readonly stepMs: number
  readonly rate: number
  readonly #trial: Situation

  constructor(situation: Situation, best: readonly Choice[]) {
    this.stepMs = expectedMs(situation, best)
    this.rate = goodput(situation, best)
    this.#trial = uncommitted(situation)
  }

  /** The time that these choices are expected to lose, in ms. */
  of(choices: readonly Choice[]): number {
    const lostMs = expectedMs(this.#trial, choices) * (1 - goodput(this.#trial, choices) / this.rate)
    return Math.max(lostMs, LEAST_PRICE * this.stepMs)
  }
}

/** Who only tries a draft model pays for all of its catch-up: nothing is said of the steps after. */
const uncommitted = (situation: Situation): Situation => ({
  ...situation,
  contenders: situation.contenders.map(({ offers }) => ({
    offers: offers.map(offer =>
      offer.drafting ? { ...offer, drafting: { ...offer.drafting, horizon: 1 } } : offer,
    ),
  })),
})

const deepest = (choices: readonly Choice[]): Choice =>
  choices.reduce((most, choice) => (choice.depth > most.depth ? choice : most), OFF)

/** Off, one deeper and one shallower; and every drafter that offers something, at a few depths. */
function probesAround({ method, depth }: Choice, offered: ReadonlySet<Method>): Choice[] {
  const depths = [...new Set([1, 2, 4, 8, depth - 1, depth + 1])].filter(d => d >= 1 && d <= MAX_DEPTH)
  const drafters = METHODS.filter(drafter => offered.has(drafter))
  const probes = drafters.flatMap(drafter => depths.map(d => ({ method: drafter, depth: d })))
  return method === 'off' ? probes : [OFF, ...probes]
}
