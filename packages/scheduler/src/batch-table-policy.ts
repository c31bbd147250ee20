/**
 * One depth for all, read from a table by batch size (Su et al., 2310.18813): s_opt(b) is the draft length with the least
 * time per token, (t_L(b, s) + s * t_S(b)) / (l(s) + 1), from a short profile: the cost table as measured so far, and how
 * far the batch's drafts survive on average. Taken again from time to time; in between it is a table that is read.
 */
import { everywhere } from './fixed-policy'
import { goodput } from './goodput'
import {
  type Choice,
  type Contender,
  MAX_DEPTH,
  METHODS,
  type Method,
  OFF,
  type Offer,
  offerOf,
  type Policy,
  type Situation,
} from './policy'

/** Batch sizes that are profiled; one between two of them uses the smaller. */
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
const PROFILE_EVERY = 64
const FOLLOW = 0.05

export class BatchTablePolicy implements Policy {
  readonly #table = new Map<number, { choice: Choice; profiledAt: number }>()
  /** What each drafter offered, averaged over the steps so far. */
  readonly #profiles = new Map<Method, Offer>()
  #numDecisions = 0

  choose(situation: Situation): Choice[] {
    this.#numDecisions++
    for (const method of METHODS) {
      const offer = meanOffer(situation.contenders, method)
      if (offer) this.#profiles.set(method, blend(this.#profiles.get(method), offer))
    }
    const size = BATCH_SIZES.findLast(b => b <= situation.numDecoding) ?? 1
    let entry = this.#table.get(size)
    if (!entry || this.#numDecisions - entry.profiledAt > PROFILE_EVERY) {
      // Nobody has had an offer yet: that says nothing of those who will.
      if (this.#profiles.size === 0) return everywhere(situation, OFF)
      const choice = bestForBatch(situation, size, [...this.#profiles.values()])
      entry = { choice, profiledAt: this.#numDecisions }
      this.#table.set(size, entry)
    }
    return everywhere(situation, entry.choice)
  }
}

/** The best drafter and depth for a batch of `size` such sequences and nothing else. */
function bestForBatch(situation: Situation, size: number, offers: Offer[]): Choice {
  const batch: Situation = {
    ...situation,
    contenders: new Array<Contender>(size).fill({ offers }),
    baseTokens: 0,
    baseRows: size,
    prefillRows: 0,
    numDecoding: size,
    freeRows: Number.POSITIVE_INFINITY,
  }
  let best = { choice: OFF, goodput: goodput(batch, everywhere(batch, OFF)) }
  for (const { method, gains } of offers) {
    for (let depth = 1; depth <= gains.length; depth++) {
      const choice = { method, depth }
      const found = { choice, goodput: goodput(batch, everywhere(batch, choice)) }
      if (found.goodput > best.goodput) best = found
    }
  }
  return best.choice
}

function blend(profile: Offer | undefined, offer: Offer): Offer {
  if (!profile) return offer
  const length = Math.max(profile.gains.length, offer.gains.length)
  const gains = Array.from({ length }, (_, i) => {
    const [before, now] = [profile.gains[i], offer.gains[i]]
    return before === undefined || now === undefined ? (before ?? now)! : before + FOLLOW * (now - before)
  })
  return { ...profile, gains }
}

/** What a drafter offers on average, past its catch-up. */
function meanOffer(contenders: readonly Contender[], method: Method): Offer | undefined {
  const offers = contenders
    .map(contender => offerOf(contender, method))
    .filter(offer => !!offer?.gains.length)
  if (offers.length === 0) return undefined
  const gains: number[] = []
  for (let i = 0; i < MAX_DEPTH; i++) {
    const known = offers.map(offer => offer!.gains[i]).filter(gain => gain !== undefined)
    if (known.length === 0) break
    gains.push(known.reduce((sum, gain) => sum + gain, 0) / known.length)
  }
  const longest = offers.reduce((most, offer) => (offer!.gains.length > most!.gains.length ? offer : most))!
  return longest.drafting
    ? { method, gains, drafting: { ...longest.drafting, lag: 1, horizon: 1 } }
    : { method, gains }
}
