/**
 * The default policy: rows of all sequences and drafters are ranked by what they are expected to add, and the prefix
 * with the highest goodput is verified (slot ranking, speculation.md section 4). A full argmax: costs are step-shaped,
 * so goodput need not have one peak. A row never adds more than the one before it in its draft, so every prefix of the
 * ranking is made of whole drafts.
 */
import { goodput, StepEstimate } from './goodput'
import {
  type Choice,
  type Contender,
  MAX_DEPTH,
  METHODS,
  type Method,
  netOf,
  numPassesOf,
  OFF,
  type Offer,
  offerOf,
  type Policy,
  passOf,
  type Situation,
} from './policy'

/** Every so many decisions something else than the best choice is tried. */
const PROBE_EVERY = 64

export class GoodputPolicy implements Policy {
  #numDecisions = 0

  /** The best choices; now and then others, so that costs and acceptance stay measured. */
  choose(situation: Situation): Choice[] {
    const best = bestChoices(situation)
    if (++this.#numDecisions % PROBE_EVERY !== 0) return best
    const offered = METHODS.filter(method => situation.contenders.some(c => offerOf(c, method)))
    const probes = probesAround(deepest(best), offered)
    if (probes.length === 0) return best
    return everywhere(situation, probes[(this.#numDecisions / PROBE_EVERY) % probes.length]!)
  }
}

/** The choices with the highest goodput. */
export function bestChoices(situation: Situation): Choice[] {
  const off = situation.contenders.map(() => OFF)
  let best = { choices: off, goodput: goodput(situation, off) }
  // Draft passes come one behind the other: the time of each is shared by all who draft so far.
  const offers = situation.contenders.flatMap(contender => contender.offers)
  const numPasses = Math.max(0, ...offers.map(offer => numPassesOf(offer, offer.gains.length)))
  for (let passes = 0; passes <= numPasses; passes++) {
    const found = bestPrefix(situation, passes, best.goodput)
    if (found.goodput > best.goodput) best = found
  }
  return best.choices
}

/** The best prefix of the ranking where drafters on the GPU run `passes` times. */
function bestPrefix(
  situation: Situation,
  passes: number,
  rate: number,
): { choices: Choice[]; goodput: number } {
  const offers = situation.contenders.map(contender => bestOffer(situation, contender, passes, rate))
  const ranking = offers
    .flatMap((offer, contender) => (offer?.gains ?? []).map((gain, row) => ({ contender, row, gain })))
    .sort((a, b) => b.gain - a.gain || a.row - b.row)
  const estimate = new StepEstimate(situation)
  let best = { length: 0, goodput: estimate.goodput }
  for (const [i, { contender, row }] of ranking.slice(0, situation.freeRows).entries()) {
    estimate.add(offers[contender]!, row)
    if (estimate.goodput > best.goodput) best = { length: i + 1, goodput: estimate.goodput }
  }
  const depths = offers.map(() => 0)
  for (const { contender } of ranking.slice(0, best.length)) depths[contender]!++
  const choices = offers.map((offer, i) =>
    offer && depths[i]! > 0 ? { method: offer.method, depth: depths[i]! } : OFF,
  )
  return { choices, goodput: best.goodput }
}

/**
 * The offer that leaves most when its time is paid for in tokens, at the goodput reached so far (Dinkelbach's way to
 * maximise a ratio): cut to the rows that so many draft passes give.
 */
function bestOffer(
  { baseRows, cost, contenders }: Situation,
  { offers }: Contender,
  passes: number,
  rate: number,
): Offer | undefined {
  const rowPrice = (rate * (cost.target.at(baseRows + MAX_DEPTH) - cost.target.at(baseRows))) / MAX_DEPTH
  let best: Offer | undefined
  let bestNet = 0
  for (const offer of offers) {
    const beyond = offer.gains.findIndex((_, i) => (passOf(offer, i) ?? -1) >= passes)
    const cut = { ...offer, gains: beyond < 0 ? offer.gains : offer.gains.slice(0, beyond) }
    const drafts = netOf(offer.method)
    const passPrice = drafts ? (rate * cost.of(drafts).at(contenders.length)) / contenders.length : 0
    let net = -rate * (offer.waitMs ?? 0)
    let most = 0
    for (const [i, gain] of cut.gains.entries()) {
      net += gain - rowPrice - (passOf(offer, i) === undefined ? 0 : passPrice)
      most = Math.max(most, net)
    }
    if (cut.gains.length > 0 && (!best || most > bestNet)) [best, bestNet] = [cut, most]
  }
  return best
}

/** The same choice for all who can. */
export function everywhere({ contenders, freeRows }: Situation, { method, depth }: Choice): Choice[] {
  let free = freeRows
  return contenders.map(contender => {
    const rows = Math.min(depth, free, offerOf(contender, method)?.gains.length ?? 0)
    free -= rows
    return rows > 0 ? { method, depth: rows } : OFF
  })
}

const deepest = (choices: readonly Choice[]): Choice =>
  choices.reduce((most, choice) => (choice.depth > most.depth ? choice : most), OFF)

/** Choices worth a try beside the best one: off, one deeper, one shallower; from off, every drafter at two depths. */
export function probesAround({ method, depth }: Choice, offered: readonly Method[]): Choice[] {
  if (method !== 'off') {
    const neighbours = [depth - 1, depth + 1].filter(d => d >= 1 && d <= MAX_DEPTH)
    return [OFF, ...neighbours.map(d => ({ method, depth: d }))]
  }
  return [1, 4].flatMap(d => offered.map(drafter => ({ method: drafter, depth: d })))
}
