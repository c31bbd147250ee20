/**
 * The default policy: rows of all sequences and drafters are ranked by what they are expected to add, and the prefix
 * with the highest goodput is verified (slot ranking, speculation.md section 4). A full argmax: costs are step-shaped,
 * so goodput need not have one peak. A row never adds more than the one before it in its draft, so every prefix of the
 * ranking is made of whole drafts.
 */
import { Exploration } from './exploration'
import { goodput, StepEstimate } from './goodput'
import { type Choice, MAX_DEPTH, OFF, type Offer, type Policy, type Situation } from './policy'

export class GoodputPolicy implements Policy {
  readonly #exploration = new Exploration()

  /** The best choices; now and then others, so that costs and acceptance stay measured. */
  choose(situation: Situation): Choice[] {
    const best = bestChoices(situation)
    return this.#exploration.probe(situation, best) ?? best
  }
}

/** The choices with the highest goodput. */
export function bestChoices(situation: Situation): Choice[] {
  const off = situation.contenders.map(() => OFF)
  let best = { choices: off, goodput: goodput(situation, off) }
  const ranking = new Ranking(situation)
  // Draft passes come one behind the other: the time of each is shared by all who draft so far.
  for (let passes = 0; passes <= ranking.numPasses; passes++) {
    const found = bestPrefix(situation, ranking, passes, best.goodput)
    if (found.goodput > best.goodput) best = found
  }
  return best.choices
}

/** All rows on offer, the best first. */
class Ranking {
  readonly offers: Offer[] = []
  /** Of each offer: whose it is. */
  readonly contenders: number[] = []
  /** Of each place in the ranking: its offer, and which row of it. */
  readonly order: Uint32Array
  numPasses = 0

  constructor({ contenders }: Situation) {
    for (const [i, { offers }] of contenders.entries()) {
      for (const offer of offers) {
        this.offers.push(offer)
        this.contenders.push(i)
        if (offer.drafting) this.numPasses = Math.max(this.numPasses, offer.gains.length)
      }
    }
    // A number for each row, its loss in front of its place in the offers: a sort without a comparison function.
    const numPlaces = this.offers.length * MAX_DEPTH
    const keys: number[] = []
    for (const [i, { gains }] of this.offers.entries()) {
      for (let row = 0; row < gains.length; row++) {
        keys.push(Math.round((1 - gains[row]!) * 1e6) * numPlaces + row * this.offers.length + i)
      }
    }
    this.order = Uint32Array.from(new Float64Array(keys).sort(), key => key % numPlaces)
  }

  offerAt(place: number): number {
    return this.order[place]! % this.offers.length
  }

  rowAt(place: number): number {
    return Math.floor(this.order[place]! / this.offers.length)
  }
}

/** The best prefix of the ranking where draft models run `passes` times. */
function bestPrefix(
  situation: Situation,
  ranking: Ranking,
  passes: number,
  rate: number,
): { choices: Choice[]; goodput: number } {
  const numRows = rowsOfBestOffers(situation, ranking, passes, rate)
  const estimate = new StepEstimate(situation)
  let best = { goodput: 0, end: 0 }
  let free = situation.freeRows
  for (let place = 0; place < ranking.order.length && free > 0; place++) {
    const at = ranking.offerAt(place)
    const row = ranking.rowAt(place)
    if (row >= numRows[at]!) continue
    estimate.add(ranking.offers[at]!, row)
    free--
    const { goodput } = estimate
    if (goodput > best.goodput) best = { goodput, end: place + 1 }
  }
  const choices = situation.contenders.map(() => OFF)
  for (let place = 0; place < best.end; place++) {
    const at = ranking.offerAt(place)
    const row = ranking.rowAt(place)
    if (row >= numRows[at]!) continue
    choices[ranking.contenders[at]!] = { method: ranking.offers[at]!.method, depth: row + 1 }
  }
  return { choices, goodput: best.goodput }
}

/**
 * Of each contender the offer that leaves most when its time is paid for in tokens, at the goodput reached so far
 * (Dinkelbach's way to maximise a ratio): how many rows of it may be used, and none of the others.
 */
function rowsOfBestOffers(
  { baseRows, cost, contenders }: Situation,
  { offers, contenders: owners }: Ranking,
  passes: number,
  rate: number,
): number[] {
  const rowPrice = (rate * (cost.target.at(baseRows + MAX_DEPTH) - cost.target.at(baseRows))) / MAX_DEPTH
  const passPrice = (rate * cost.draft.at(contenders.length)) / Math.max(1, contenders.length)
  const numRows = offers.map(({ gains, drafting }) =>
    drafting ? Math.min(passes, gains.length) : gains.length,
  )
  const bestOf = new Map<number, { at: number; net: number }>()
  for (const [at, { gains, drafting }] of offers.entries()) {
    if (numRows[at] === 0) continue
    const price = rowPrice + (drafting ? passPrice : 0)
    let net = 0
    let most = 0
    for (let row = 0; row < numRows[at]!; row++) {
      net += gains[row]! - price
      most = Math.max(most, net)
    }
    const rival = bestOf.get(owners[at]!)
    if (!rival || most > rival.net) {
      if (rival) numRows[rival.at] = 0
      bestOf.set(owners[at]!, { at, net: most })
    } else numRows[at] = 0
  }
  return numRows
}
