/**
 * Goodput: expected tokens per ms of a step, of all running sequences, since who speculates takes time from everyone
 * (SmartSpec, Liu et al., 2406.14066). A StepEstimate is the sum for rows added one by one. Prompts take the time that they
 * take, now or later: it is not charged to the step that they happen to share, or a long one would make guesses of any
 * quality look cheap. But further rows cost what they cost on top of them.
 */
import type { CostCurve } from './cost-curve'
import type { CostModel } from './cost-model'
import {
  type Choice,
  DRAFT_NETS,
  isChosen,
  MAX_NODES,
  netOf,
  type Offer,
  passesOf,
  type Situation,
  waitsForTokens,
} from './policy'

/** An offer and what its rows cost, of one shape whoever drafts: a decision counts some thousand rows. */
export class PricedOffer {
  readonly gains: readonly number[]
  readonly waits: boolean
  readonly chance: number
  readonly waitMs: number
  /** Of each row the draft pass that takes one more row for it; -1: none does. */
  readonly passes: readonly number[]
  /** What its passes cost by rows; undefined where guesses cost nothing. */
  readonly passMs: CostCurve | undefined
  /** Of catching up, this step's share. */
  readonly catchUpMs: number
  /** The net's place among all. */
  readonly net: number

  constructor(offer: Offer, cost: CostModel) {
    const { method, gains, drafting, chance = 1, waitMs = 0 } = offer
    const net = drafting && netOf(method)
    this.gains = gains
    this.waits = waitsForTokens(offer)
    this.chance = chance
    this.waitMs = waitMs
    this.passes = passesOf(offer)
    this.passMs = net && cost.of(net)
    this.catchUpMs = net ? (cost.of(net).at(drafting.lag) - cost.of(net).at(1)) / drafting.horizon : 0
    this.net = net ? DRAFT_NETS.indexOf(net) : -1
  }
}

export class StepEstimate {
  readonly #cost: CostModel
  readonly #prefillRows: number
  readonly #prefillMs: number
  #numDrafting: Uint16Array | undefined // rows by net and draft pass
  #tokens: number
  #rows: number
  #draftMs = 0
  #waitMs = 0

  constructor({ contenders, baseTokens, baseRows, prefillRows, cost }: Situation) {
    this.#cost = cost
    this.#prefillRows = prefillRows
    this.#prefillMs = cost.target.at(baseRows + prefillRows) - cost.target.at(baseRows)
    this.#tokens = baseTokens + contenders.length
    this.#rows = baseRows
  }

  /** Adds the offer's row `i`; the rows before it are in. */
  add({ gains, chance, waitMs, passes, passMs, catchUpMs, net }: PricedOffer, i: number): void {
    this.#tokens += chance * gains[i]!
    this.#rows += chance
    this.#waitMs = Math.max(this.#waitMs, waitMs)
    if (!passMs) return
    if (i === 0) this.#draftMs += catchUpMs
    const pass = passes[i]!
    if (pass < 0) return
    this.#numDrafting ??= new Uint16Array(DRAFT_NETS.length * MAX_NODES)
    const before = this.#numDrafting[net * MAX_NODES + pass]!++
    this.#draftMs += passMs.at(before + 1) - (before > 0 ? passMs.at(before) : 0)
  }

  get ms(): number {
    const targetMs = this.#cost.target.at(this.#rows + this.#prefillRows) - this.#prefillMs
    return targetMs + this.#draftMs + this.#waitMs
  }

  get goodput(): number {
    return this.#tokens / this.ms
  }
}

/** With nobody speculating. */
export const offGoodput = (situation: Situation): number => new StepEstimate(situation).goodput

/** Of one choice per contender; 0 if they do not fit. */
export function goodput(situation: Situation, choices: readonly Choice[]): number {
  const { estimate, rows } = estimateOf(situation, choices)
  return rows > situation.freeRows ? 0 : estimate.goodput
}

/** How long a step with these choices takes, prompts apart. */
export const expectedMs = (situation: Situation, choices: readonly Choice[]): number =>
  estimateOf(situation, choices).estimate.ms

function estimateOf(
  situation: Situation,
  choices: readonly Choice[],
): { estimate: StepEstimate; rows: number } {
  const estimate = new StepEstimate(situation)
  let rows = 0
  for (const [i, choice] of choices.entries()) {
    const { depth } = choice
    const offer = situation.contenders[i]!.offers.find(each => isChosen(each, choice))
    if (!offer || depth > offer.gains.length) continue
    rows += depth
    const priced = new PricedOffer(offer, situation.cost)
    for (let row = 0; row < depth; row++) estimate.add(priced, row)
  }
  return { estimate, rows }
}
