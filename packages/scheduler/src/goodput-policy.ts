/**
 * The default policy: rows of all sequences and drafters are ranked by what they are expected to add, and the prefix
 * with the highest goodput is verified (slot ranking, speculation.md section 4). A full argmax: costs are step-shaped,
 * so goodput need not have one peak. A row never adds more than the one before it in its draft, so every prefix of the
 * ranking is made of whole drafts.
 */
import type { CostCurve } from './cost-curve'
import { Exploration } from './exploration'
import { goodput, offGoodput, PricedOffer, StepEstimate } from './goodput'
import {
  type Choice,
  choiceOf,
  type DraftNet,
  MAX_NODES,
  type Method,
  netOf,
  OFF,
  type Policy,
  passesOf,
  type Situation,
} from './policy'

/**
 * Every further row is believed a little less: errors of the estimates multiply along a draft, and what is chosen is what
 * was most overestimated. Found by simulation of recorded tasks.
 */
const TRUST = Array.from({ length: MAX_NODES }, (_, i) => 0.98 ** (i + 1))

/**
 * Where several run, what one gains by a step that is dearer for all comes to the others only when it ends, and leaves
 * those that are left a smaller batch, whose tokens cost more: it has to win by so much. SmartSpec has a guard of 1.1.
 */
const SHARED_GUARD = 1.04

/** Rows that add less than this are not looked at: they could not pay on any device worth speculating on. */
const LEAST_GAIN = 0.01

/** So many contenders make a rest one step longer. */
const PER_STEP_OF_REST = 4

export class GoodputPolicy implements Policy {
  readonly #exploration = new Exploration()
  #rest = { numContenders: 0, stepsLeft: 0 }

  /**
   * Where many run and none of them should speculate, it is not asked again at once: deciding for many takes time of the
   * machine, and with many there is less to gain (SmartSpec decides once in several steps as well). Who joins or leaves
   * ends the rest.
   */
  isDue(numContenders: number): boolean {
    const isResting = numContenders === this.#rest.numContenders && this.#rest.stepsLeft > 0
    if (isResting) this.#rest.stepsLeft--
    return !isResting
  }

  /** The best choices; now and then others, so that costs and acceptance stay measured. */
  choose(situation: Situation): Choice[] {
    const choices = this.#decide(situation)
    const numContenders = choices.length
    const isOff = choices.every(({ depth }) => depth === 0)
    this.#rest = { numContenders, stepsLeft: isOff ? Math.floor(numContenders / PER_STEP_OF_REST) : 0 }
    return choices
  }

  #decide(situation: Situation): Choice[] {
    const best = mayPay(situation) ? worthwhile(doubt(situation)) : allOff(situation)
    return this.#exploration.isDue(best) ? (this.#exploration.probe(doubt(situation), best) ?? best) : best
  }
}

const allOff = ({ contenders }: Situation): Choice[] => contenders.map(() => OFF)

/** The best choices, if they win enough; else off. */
function worthwhile(situation: Situation): Choice[] {
  const choices = bestChoices(situation)
  if (situation.numDecoding < 2 || choices.every(({ depth }) => depth === 0)) return choices
  return goodput(situation, choices) < SHARED_GUARD * offGoodput(situation) ? allOff(situation) : choices
}

const doubt = (situation: Situation): Situation => ({
  ...situation,
  contenders: situation.contenders.map(({ offers }) => ({
    offers: offers.map(offer => ({ ...offer, gains: offer.gains.map((gain, i) => gain * TRUST[i]!) })),
  })),
})

/** The choices with the highest goodput. */
export function bestChoices(situation: Situation): Choice[] {
  const choices = allOff(situation)
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

/**
 * Whether any row might be worth the least that a row can cost, and its draft pass, at the goodput without it. With many
 * at once mostly none is: that is soon seen, and a search takes time from the steps.
 */
function mayPay(situation: Situation): boolean {
  const { contenders, baseRows, prefillRows, freeRows, cost } = situation
  const rate = offGoodput(situation)
  const numRows = contenders.reduce(
    (sum, { offers }) => sum + offers.reduce((most, { gains }) => Math.max(most, gains.length), 0),
    0,
  )
  const worth = rate * leastPerRow(cost.target, baseRows + prefillRows, Math.min(freeRows, numRows))
  const ofPasses = new Map<DraftNet, number>()
  const passWorth = (method: Method): number => {
    const net = netOf(method)
    if (!net) return 0
    const known = ofPasses.get(net) ?? rate * leastPerRow(cost.of(net), 0, numRows)
    ofPasses.set(net, known)
    return known
  }
  return contenders.some(({ offers }) =>
    offers.some(offer => {
      const ofPass = passWorth(offer.method)
      const passes = passesOf(offer)
      // Siblings share the row of their pass.
      return offer.gains.some((gain, row) => gain > worth + (passes[row]! < 0 ? 0 : ofPass))
    }),
  )
}

/** The least ms that each of any number of rows beside `base` may take. */
function leastPerRow(curve: CostCurve, base: number, most: number): number {
  const baseMs = base > 0 ? curve.at(base) : 0
  let least = Number.POSITIVE_INFINITY
  for (let rows = 1; rows <= most; rows++) least = Math.min(least, (curve.at(base + rows) - baseMs) / rows)
  return least
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
