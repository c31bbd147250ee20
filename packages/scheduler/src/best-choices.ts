/**
 * The choices with the highest goodput: rows of all sequences and drafters are ranked by what they are expected to add,
 * and the best prefix is taken (slot ranking, speculation.md section 4). A full argmax: costs are step-shaped, so goodput
 * need not have one peak. A row never adds more than the one before it in its draft, so every prefix of the ranking is
 * made of whole drafts.
 */
import { offGoodput, PricedOffer, StepEstimate } from './goodput'
import { type Choice, choiceOf, MAX_NODES, OFF, type Situation } from './policy'

/** Rows that add less than this are not looked at: they could not pay on any device worth speculating on. */
const LEAST_GAIN = 0.01

export function bestChoices(situation: Situation): Choice[] {
  const choices = situation.contenders.map((): Choice => OFF)
  let best: Prefix = { end: 0, goodput: offGoodput(situation) }
  const offers = situation.contenders.flatMap(contender => contender.offers)
  const priced = offers.map(offer => new PricedOffer(offer, situation.cost))
  const ranking = new Ranking(situation, priced)
  let rowsOfBest = new Uint8Array()
  let numRows = new Uint8Array()
  // Draft passes come one behind the other: the time of each is shared by all who draft so far. So is a wait.
  for (const waits of priced.some(offer => offer.waits) ? [false, true] : [false]) {
    for (let passes = 0; passes <= ranking.numPasses; passes++) {
      const before = numRows
      numRows = rowsOfBestOffers(situation, ranking, { passes, waits, rate: best.goodput })
      if (passes > 0 && numRows.every((rows, i) => rows === before[i])) continue
      const prefix = bestPrefix(situation, ranking, numRows)
      if (prefix.goodput <= best.goodput) continue
      best = prefix
      rowsOfBest = numRows
    }
  }
  const { owners, offerAt, rowAt } = ranking
  for (let place = 0; place < best.end; place++) {
    const at = offerAt[place]!
    const row = rowAt[place]!
    if (row < rowsOfBest[at]!) choices[owners[at]!] = choiceOf(offers[at]!, row + 1)
  }
  return choices
}

/** Places of the ranking up to `end`. */
interface Prefix {
  end: number
  goodput: number
}

/** All rows on offer that are worth a look, the best first: which offer's, and which row of it. */
class Ranking {
  /** Of each offer: whose it is. */
  readonly owners: readonly number[]
  readonly offerAt: Uint32Array
  readonly rowAt: Uint8Array
  numPasses = 0
  /** What each further row of one contender costs, as if all had as many. */
  readonly rowMs: readonly number[]

  constructor(
    { contenders, baseRows, prefillRows, cost }: Situation,
    readonly priced: readonly PricedOffer[],
  ) {
    const passMs = Array.from({ length: MAX_NODES + 1 }, (_, rows) =>
      cost.target.at(baseRows + prefillRows + rows * contenders.length),
    )
    this.rowMs = passMs.slice(1).map((ms, row) => (ms - passMs[row]!) / contenders.length)
    this.owners = contenders.flatMap(({ offers }, i) => offers.map(() => i))
    // A number for each row, its loss in front of its place in the offers: a sort without a comparison function.
    const numOffers = priced.length
    const numPlaces = numOffers * MAX_NODES
    const keys = new Float64Array(numPlaces)
    let count = 0
    for (const [i, { gains, passes }] of priced.entries()) {
      for (let row = 0; row < gains.length && gains[row]! >= LEAST_GAIN; row++) {
        keys[count++] = Math.round((1 - gains[row]!) * 1e6) * numPlaces + row * numOffers + i
        this.numPasses = Math.max(this.numPasses, passes[row]! + 1)
      }
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
  { priced, offerAt, rowAt }: Ranking,
  numRows: Readonly<Uint8Array>,
): Prefix {
  const estimate = new StepEstimate(situation)
  let most = 0
  let end = 0
  let free = situation.freeRows
  for (let place = 0; place < offerAt.length && free > 0; place++) {
    const at = offerAt[place]!
    const row = rowAt[place]!
    if (row >= numRows[at]!) continue
    estimate.add(priced[at]!, row)
    free--
    const { goodput } = estimate
    if (goodput <= most) continue
    most = goodput
    end = place + 1
  }
  return { end, goodput: most }
}

/**
 * Of each contender the offer that leaves most when its time is paid for in tokens, at the goodput reached so far
 * (Dinkelbach's way to maximise a ratio): how many rows of it may be used, and none of the others, where draft models run
 * `limits.passes` times, and the step waits or does not.
 */
function rowsOfBestOffers(
  { contenders: { length: numContenders } }: Situation,
  { priced, owners, rowMs }: Ranking,
  limits: { passes: number; waits: boolean; rate: number },
): Uint8Array<ArrayBuffer> {
  const { rate } = limits
  const numRows = new Uint8Array(priced.length)
  let best = { owner: -1, at: 0, net: 0 }
  for (const [at, { gains, chance, waits, waitMs, passes, passMs }] of priced.entries()) {
    if (waits && !limits.waits) continue
    const ownPassMs = passMs ? passMs.at(numContenders) / numContenders : 0
    let net = waits ? 0 : -rate * waitMs
    // Others may take fewer rows than it is priced for: what seems to lose the least may win.
    let most = Number.NEGATIVE_INFINITY
    let row = 0
    for (; row < gains.length && passes[row]! < limits.passes; row++) {
      net += chance * (gains[row]! - rate * rowMs[row]!) - (passes[row]! < 0 ? 0 : rate * ownPassMs)
      most = Math.max(most, net)
    }
    const isFirst = owners[at] !== best.owner
    if (row === 0 || (!isFirst && most <= best.net)) continue
    // Offers of one contender are neighbours.
    if (!isFirst) numRows[best.at] = 0
    numRows[at] = row
    best = { owner: owners[at]!, at, net: most }
  }
  return numRows
}
