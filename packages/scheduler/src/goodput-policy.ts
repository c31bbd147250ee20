/**
 * The default policy: rows of all sequences and drafters are ranked by what they are expected to add, and the prefix
 * with the highest goodput is verified (slot ranking, speculation.md section 4). A full argmax: costs are step-shaped,
 * so goodput need not have one peak. A row never adds more than the one before it in its draft, so every prefix of the
 * ranking is made of whole drafts.
 */
import { Exploration } from './exploration'
import { goodput, StepEstimate } from './goodput'
import {
  type Choice,
  MAX_DEPTH,
  MAX_NODES,
  netOf,
  numPassesOf,
  OFF,
  type Offer,
  type Policy,
  passOf,
  type Situation,
} from './policy'

/**
 * Every further row is believed a little less: errors of the estimates multiply along a draft, and what is chosen is what
 * was most overestimated. Found by simulation of recorded tasks.
 */
const TRUST = Array.from({ length: MAX_NODES }, (_, i) => 0.98 ** (i + 1))

/** Rows that add less than this are not looked at: they could not pay on any device worth speculating on. */
const LEAST_GAIN = 0.01

export class GoodputPolicy implements Policy {
  readonly #exploration = new Exploration()

  /** The best choices; now and then others, so that costs and acceptance stay measured. */
  choose(situation: Situation): Choice[] {
    const doubted = doubt(situation)
    const best = bestChoices(doubted)
    return this.#exploration.probe(doubted, best) ?? best
  }
}

const doubt = (situation: Situation): Situation => ({
  ...situation,
  contenders: situation.contenders.map(({ offers }) => ({
    offers: offers.map(offer => ({ ...offer, gains: offer.gains.map((gain, i) => gain * TRUST[i]!) })),
  })),
})

/** The choices with the highest goodput. */
export function bestChoices(situation: Situation): Choice[] {
  const off = situation.contenders.map(() => OFF)
  let best = { choices: off, goodput: goodput(situation, off) }
  const ranking = new Ranking(situation)
  // Draft passes come one behind the other: the time of each is shared by all who draft so far.
  for (let passes = 0; passes <= ranking.numPasses; passes++) {
    const found = bestPrefix(situation, ranking, rowsOfBestOffers(situation, ranking, passes, best.goodput))
    if (found.goodput > best.goodput) best = found
  }
  return best.choices
}

/** All rows on offer that are worth a look, the best first: which offer's, and which row of it. */
class Ranking {
  readonly offers: Offer[] = []
  /** Of each offer: whose it is. */
  readonly owners: number[] = []
  readonly offerAt: Uint32Array
  readonly rowAt: Uint8Array
  numPasses = 0

  constructor({ contenders }: Situation) {
    for (const [i, { offers }] of contenders.entries()) {
      for (const offer of offers) {
        this.offers.push(offer)
        this.owners.push(i)
      }
    }
    // A number for each row, its loss in front of its place in the offers: a sort without a comparison function.
    const numOffers = this.offers.length
    const numPlaces = numOffers * MAX_NODES
    const keys = new Float64Array(numPlaces)
    let count = 0
    for (let i = 0; i < numOffers; i++) {
      const { gains } = this.offers[i]!
      let row = 0
      for (; row < gains.length && gains[row]! >= LEAST_GAIN; row++) {
        keys[count++] = Math.round((1 - gains[row]!) * 1e6) * numPlaces + row * numOffers + i
      }
      this.numPasses = Math.max(this.numPasses, numPassesOf(this.offers[i]!, row))
    }
    const sorted = keys.subarray(0, count).sort()
    this.offerAt = new Uint32Array(count)
    this.rowAt = new Uint8Array(count)
    for (let i = 0; i < count; i++) {
      const place = sorted[i]! % numPlaces
      this.rowAt[i] = place / numOffers
      this.offerAt[i] = place % numOffers
    }
  }
}

/** The best prefix of the ranking, of each offer no more than `numRows`. */
function bestPrefix(
  situation: Situation,
  { offers, owners, offerAt, rowAt }: Ranking,
  numRows: readonly number[],
): { choices: Choice[]; goodput: number } {
  const estimate = new StepEstimate(situation)
  let most = 0
  let end = 0
  let free = situation.freeRows
  for (let place = 0; place < offerAt.length && free > 0; place++) {
    const at = offerAt[place]!
    const row = rowAt[place]!
    if (row >= numRows[at]!) continue
    estimate.add(offers[at]!, row)
    free--
    const { goodput } = estimate
    if (goodput <= most) continue
    most = goodput
    end = place + 1
  }
  const choices = situation.contenders.map(() => OFF)
  for (let place = 0; place < end; place++) {
    const at = offerAt[place]!
    const row = rowAt[place]!
    if (row < numRows[at]!) choices[owners[at]!] = { method: offers[at]!.method, depth: row + 1 }
  }
  return { choices, goodput: most }
}

/**
 * Of each contender the offer that leaves most when its time is paid for in tokens, at the goodput reached so far
 * (Dinkelbach's way to maximise a ratio): how many rows of it may be used, and none of the others, where draft models run
 * `passes` times.
 */
function rowsOfBestOffers(
  { baseRows, cost, contenders }: Situation,
  { offers, owners }: Ranking,
  passes: number,
  rate: number,
): number[] {
  const rowMs = (cost.target.at(baseRows + MAX_DEPTH) - cost.target.at(baseRows)) / MAX_DEPTH
  const numRows = offers.map(offer => {
    const beyond = offer.gains.findIndex((_, i) => (passOf(offer, i) ?? -1) >= passes)
    return beyond < 0 ? offer.gains.length : beyond
  })
  const bestOf = new Map<number, { at: number; net: number }>()
  for (const [at, offer] of offers.entries()) {
    if (numRows[at] === 0) continue
    const drafts = netOf(offer.method)
    const passMs = drafts ? cost.of(drafts).at(contenders.length) / contenders.length : 0
    let net = -rate * (offer.waitMs ?? 0)
    let most = 0
    for (let row = 0; row < numRows[at]!; row++) {
      net += offer.gains[row]! - rate * (rowMs + (passOf(offer, row) === undefined ? 0 : passMs))
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
