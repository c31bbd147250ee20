/**
 * The default policy: the choices with the highest goodput, where estimates are doubted a little and several share what
 * one wins; and now and then others, to see.
 */
import { bestChoices } from './best-choices'
import type { CostCurve } from './cost-curve'
import { Exploration } from './exploration'
import { goodput, offGoodput } from './goodput'
import {
  type Choice,
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
    if (isResting) {
      this.#rest.stepsLeft--
      this.#exploration.rest()
    }
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
