/**
 * Goodput: expected tokens per ms of a step, of all running sequences, since who speculates takes time from everyone
 * (SmartSpec, Liu et al., 2406.14066). A StepEstimate is the sum for rows added one by one. Prompts take the time that they
 * take, now or later: it is not charged to the step that they happen to share, or a long one would make guesses of any
 * quality look cheap.
 */
import type { CostModel } from './cost-model'
import { type Choice, type DraftNet, netOf, type Offer, offerOf, passOf, type Situation } from './policy'

export class StepEstimate {
  readonly #cost: CostModel
  readonly #numDrafting = new Map<DraftNet, number[]>() // rows by draft pass
  #tokens: number
  #rows: number
  #draftMs = 0
  #waitMs = 0

  constructor({ contenders, baseTokens, baseRows, cost }: Situation) {
    this.#cost = cost
    this.#tokens = baseTokens + contenders.length
    this.#rows = baseRows
  }

  /** Adds the offer's row `i`; the rows before it are in. */
  add(offer: Offer, i: number): void {
    const { method, gains, drafting, waitMs = 0 } = offer
    this.#tokens += gains[i]!
    this.#rows++
    this.#waitMs = Math.max(this.#waitMs, waitMs)
    const net = netOf(method)
    if (!drafting || !net) return
    const cost = this.#cost.of(net)
    if (i === 0) this.#draftMs += (cost.at(drafting.lag) - cost.at(1)) / drafting.horizon
    const pass = passOf(offer, i)
    if (pass === undefined) return
    const numDrafting = this.#numDrafting.get(net) ?? []
    this.#numDrafting.set(net, numDrafting)
    const before = numDrafting[pass] ?? 0
    numDrafting[pass] = before + 1
    this.#draftMs += cost.at(before + 1) - (before > 0 ? cost.at(before) : 0)
  }

  get ms(): number {
    return this.#cost.target.at(this.#rows) + this.#draftMs + this.#waitMs
  }

  get goodput(): number {
    return this.#tokens / this.ms
  }
}

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
  for (const [i, { method, depth }] of choices.entries()) {
    const offer = offerOf(situation.contenders[i]!, method)
    if (!offer || depth > offer.gains.length) continue
    rows += depth
    for (let row = 0; row < depth; row++) estimate.add(offer, row)
  }
  return { estimate, rows }
}
