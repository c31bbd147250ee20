/**
 * What is believed of one drafter: of all its drafts together, and of each request by itself. A request's few drafts
 * are shrunk to the drafter's mean by empirical Bayes: how far is learnt from how much finished requests differed.
 * Where some requests copy and others do not, two drafts tell which this one is; where all are alike, one stroke of bad
 * luck changes little; and where the drafter told how sure it was, that counts beside what came of it. Guesses are counted
 * apart by what there is to go by: what the drafter tells, as how long a match a lookup found; else how the draft before
 * went, since good and bad guesses come in runs, a copied passage or a hard one.
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

/** A draft of `depth` tokens of which the first `accepted` were accepted. */
export interface Outcome {
  depth: number
  accepted: number
  /** Of each token, how far the drafter's best logit was above the next one. */
  margins?: readonly number[] | undefined
  evidence?: number | undefined
}

/** What a drafter goes by or, where it does not tell, how the draft before went: its first token was rejected, or not. */
type Evidence = number | 'hit' | 'miss'

interface RequestEstimate {
  byEvidence: ByEvidence
  run: 'hit' | 'miss'
  /** Whatever the evidence. */
  acceptance: Acceptance
  /** Of what `acceptance` counts, how many were to be expected by the evidence that there was. */
  numExpected: number
  /** All its tries, none faded. */
  numTried: number
  /** Those that were accepted, had its evidence been what it is on the average. */
  numAccepted: number
  /** The sequence's length when something was last seen of it. */
  observedAt: number
}

export class DrafterEstimate {
  readonly margins = new MarginPredictor()
  readonly #all = new Acceptance()
  readonly #byEvidence = new ByEvidence()
  readonly #requests = new Map<Sequence, RequestEstimate>()
  readonly #spread = new Spread()

  get numRequests(): number {
    return this.#requests.size
  }

  /** S(1) .. S(MAX_DEPTH), for one request or for any, by what there is to go by. Never increasing. */
  survival(sequence?: Sequence, evidence?: number): number[] {
    const request = sequence && this.#requests.get(sequence)
    const isFresh = request !== undefined && sequence!.length - request.observedAt <= STALE_AFTER
    const kind = evidence ?? (isFresh ? request.run : undefined)
    const all = this.#ofKind(kind)
    // The odds of these guesses against those of all, the same at every position.
    const mean = this.#mean
    const ratioOfKind = odds(all.rate(mean, POSITION_WEIGHT)) / odds(mean)
    const own = request && (kind === undefined ? request.acceptance : request.byEvidence.of(kind))
    const ratio = request ? this.#ratioOf(request) : 1
    const survival = new Array<number>(MAX_DEPTH)
    let last = 1
    for (let i = 0; i < MAX_DEPTH; i++) {
      const prior = chance(ratioOfKind * odds(this.#all.rateAt(i, mean, POSITION_WEIGHT)))
      const rate = chance(ratio * odds(all.rateAt(i, prior, POSITION_WEIGHT)))
      last *= own ? own.rateAt(i, rate, POSITION_WEIGHT) : rate
      survival[i] = last
    }
    return survival
  }

  observe(sequence: Sequence, { depth, accepted, margins, evidence }: Outcome): void {
    if (depth === 0) return
    const request = this.#request(sequence)
    const kind = evidence ?? request.run
    const numTried = Math.min(depth, accepted + 1)
    const numExpected = numTried * this.#ofKind(kind).rate(this.#mean, POSITION_WEIGHT)
    request.numTried += numTried
    request.numAccepted += accepted - numExpected + numTried * this.#mean
    request.numExpected = request.numExpected * DECAY.one + numExpected
    for (const acceptance of [this.#all, this.#byEvidence.of(kind)]) {
      acceptance.fade(DECAY.all)
      acceptance.observe(depth, accepted)
    }
    const foretold = margins?.map(margin => this.margins.predict(margin))
    for (const acceptance of [request.acceptance, request.byEvidence.of(kind)]) {
      acceptance.fade(DECAY.one)
      acceptance.observe(depth, accepted, foretold)
    }
    request.run = accepted > 0 ? 'hit' : 'miss'
    request.observedAt = sequence.length
    if (margins) this.margins.observe(margins, depth, accepted)
  }

  /** A decision that did not use this drafter for these sequences. */
  skip(sequence: Sequence): void {
    const request = this.#requests.get(sequence)
    if (!request) return
    request.acceptance.fade(DECAY_UNUSED.one)
    request.byEvidence.fade(DECAY_UNUSED.one)
    request.numExpected *= DECAY_UNUSED.one
  }

  /** A decision that used it for nobody. */
  skipAll(): void {
    this.#all.fade(DECAY_UNUSED.all)
    this.#byEvidence.fade(DECAY_UNUSED.all)
  }

  forget(sequence: Sequence): void {
    const request = this.#requests.get(sequence)
    if (!request) return
    const { numTried, numAccepted } = request
    this.#spread.observe(numTried, Math.min(numTried, Math.max(0, numAccepted)))
    this.#requests.delete(sequence)
  }

  get #mean(): number {
    return this.#all.rate(PRIOR.rate, PRIOR.weight)
  }

  #ofKind(kind: Evidence | undefined): Acceptance {
    return kind === undefined ? this.#all : this.#byEvidence.of(kind)
  }

  /** The request's odds against what was to be expected of it, the same at every position. */
  #ratioOf({ acceptance, numExpected }: RequestEstimate): number {
    const weight = this.#spread.priorWeight
    const own = acceptance.rate(this.#mean, weight)
    return odds(own) / odds((this.#mean * weight + numExpected) / (weight + acceptance.numTried))
  }

  #request(sequence: Sequence): RequestEstimate {
    let request = this.#requests.get(sequence)
    if (!request) {
      request = {
        byEvidence: new ByEvidence(),
        run: 'hit',
        acceptance: new Acceptance(),
        numExpected: 0,
        numTried: 0,
        numAccepted: 0,
        observedAt: 0,
      }
      this.#requests.set(sequence, request)
    }
    return request
  }
}

class ByEvidence {
  readonly #acceptances = new Map<Evidence, Acceptance>()

  of(evidence: Evidence): Acceptance {
    let acceptance = this.#acceptances.get(evidence)
    if (!acceptance) {
      acceptance = new Acceptance()
      this.#acceptances.set(evidence, acceptance)
    }
    return acceptance
  }

  fade(factor: number): void {
    for (const acceptance of this.#acceptances.values()) acceptance.fade(factor)
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
