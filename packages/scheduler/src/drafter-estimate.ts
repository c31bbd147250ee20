/**
 * What is believed of one drafter: of all its drafts together, and of each request by itself. A request's few drafts
 * are shrunk to the drafter's mean by empirical Bayes: how far is learnt from how much finished requests differed.
 * Where some requests copy and others do not, two drafts tell which this one is; where all are alike, one stroke of bad
 * luck changes little; and where the drafter told how sure it was, that counts beside what came of it. Good and bad
 * guesses come in runs, a copied passage or a hard one, so what follows a hit and what follows a miss is counted apart.
 */
import { Acceptance } from './acceptance'
import { MarginPredictor } from './margin-predictor'
import { MAX_DEPTH } from './policy'
import type { Sequence } from './sequence'

/** Before anything is known: 0.7 of 6 tries. */
const PRIOR = { rate: 0.7, weight: 6 }
/** Tries for which a position's neighbours, or the drafter's mean, speak. */
const POSITION_WEIGHT = 10
/** Windows of about 200 drafts of all requests, 20 of one. */
const DECAY = { all: 0.995, one: 0.95 }
/** By decision without use: what is not tried is slowly forgotten, so that it gets another try when the text has changed. */
const DECAY_UNUSED = { all: 0.999, one: 0.998 }
/** How the last draft went says nothing of one that begins so many tokens later. */
const STALE_AFTER = 2 * MAX_DEPTH

/** Of drafts by how the one before went: its first token was rejected, or not. */
type ByRun = Record<'hit' | 'miss', Acceptance>

interface RequestEstimate {
  byRun: ByRun
  run: keyof ByRun
  /** Without regard to runs. */
  acceptance: Acceptance
  /** All its tries, none faded. */
  numTried: number
  numAccepted: number
  /** The sequence's length when something was last seen of it. */
  observedAt: number
}

export class DrafterEstimate {
  readonly margins = new MarginPredictor()
  readonly #all = new Acceptance()
  readonly #byRun: ByRun = { hit: new Acceptance(), miss: new Acceptance() }
  readonly #requests = new Map<Sequence, RequestEstimate>()
  readonly #spread = new Spread()

  get numRequests(): number {
    return this.#requests.size
  }

  /** S(1) .. S(MAX_DEPTH), for one request or for any. Never increasing. */
  survival(sequence?: Sequence): number[] {
    const request = sequence && this.#requests.get(sequence)
    const mean = this.#all.rate(PRIOR.rate, PRIOR.weight)
    const own = request ? request.acceptance.rate(mean, this.#spread.priorWeight) : mean
    const isFresh = request !== undefined && sequence!.length - request.observedAt <= STALE_AFTER
    const all = isFresh ? this.#byRun[request.run] : this.#all
    const meanOfRun = all.rate(mean, POSITION_WEIGHT)
    // The request's odds against the drafter's, the same at every position.
    const ratio = odds(own) / odds(mean)
    const survival = new Array<number>(MAX_DEPTH)
    let last = 1
    for (let i = 0; i < MAX_DEPTH; i++) {
      let rate = chance(ratio * odds(all.rateAt(i, meanOfRun, POSITION_WEIGHT)))
      if (request) {
        rate = (isFresh ? request.byRun[request.run] : request.acceptance).rateAt(i, rate, POSITION_WEIGHT)
      }
      last *= rate
      survival[i] = last
    }
    return survival
  }

  /** `margins`: of each drafted token, how far the drafter's best logit was above the next one. */
  observe(sequence: Sequence, depth: number, accepted: number, margins?: readonly number[]): void {
    if (depth === 0) return
    const request = this.#request(sequence)
    for (const acceptance of [this.#all, this.#byRun[request.run]]) {
      acceptance.fade(DECAY.all)
      acceptance.observe(depth, accepted)
    }
    const foretold = margins?.map(margin => this.margins.predict(margin))
    for (const acceptance of [request.acceptance, request.byRun[request.run]]) {
      acceptance.fade(DECAY.one)
      acceptance.observe(depth, accepted, foretold)
    }
    request.run = accepted > 0 ? 'hit' : 'miss'
    request.numTried += Math.min(depth, accepted + 1)
    request.numAccepted += accepted
    request.observedAt = sequence.length
    if (margins) this.margins.observe(margins, depth, accepted)
  }

  /** A decision that did not use this drafter for these sequences. */
  skip(sequence: Sequence): void {
    const request = this.#requests.get(sequence)
    if (!request) return
    for (const acceptance of [request.acceptance, request.byRun.hit, request.byRun.miss]) {
      acceptance.fade(DECAY_UNUSED.one)
    }
  }

  /** A decision that used it for nobody. */
  skipAll(): void {
    for (const acceptance of [this.#all, this.#byRun.hit, this.#byRun.miss]) acceptance.fade(DECAY_UNUSED.all)
  }

  forget(sequence: Sequence): void {
    const request = this.#requests.get(sequence)
    if (!request) return
    this.#spread.observe(request.numTried, request.numAccepted)
    this.#requests.delete(sequence)
  }

  #request(sequence: Sequence): RequestEstimate {
    let request = this.#requests.get(sequence)
    if (!request) {
      request = {
        byRun: { hit: new Acceptance(), miss: new Acceptance() },
        run: 'hit',
        acceptance: new Acceptance(),
        numTried: 0,
        numAccepted: 0,
        observedAt: 0,
      }
      this.#requests.set(sequence, request)
    }
    return request
  }
}

/** How much requests differ: the tries for which the drafter's mean counts in a new one, by the moments of a beta-binomial. */
class Spread {
  static readonly #DECAY = 0.98
  static readonly #MIN_REQUESTS = 4
  #numRequests = 0
  #mean = 0
  #square = 0

  observe(numTried: number, numAccepted: number): void {
    if (numTried < 2) return
    this.#numRequests = this.#numRequests * Spread.#DECAY + 1
    const follow = 1 / this.#numRequests
    this.#mean += follow * (numAccepted / numTried - this.#mean)
    // Unbiased for the square of the request's own rate.
    const square = (numAccepted * (numAccepted - 1)) / (numTried * (numTried - 1))
    this.#square += follow * (square - this.#square)
  }

  get priorWeight(): number {
    if (this.#numRequests < Spread.#MIN_REQUESTS) return PRIOR.weight
    const variance = this.#square - this.#mean ** 2
    const weight = (this.#mean * (1 - this.#mean)) / Math.max(variance, 1e-6) - 1
    return Math.min(40, Math.max(2, weight))
  }
}

const odds = (p: number): number => {
  const within = Math.min(0.999, Math.max(0.001, p))
  return within / (1 - within)
}

const chance = (ratio: number): number => ratio / (1 + ratio)
