/**
 * How far a drafter's guesses survive: S(i) = chance that draft tokens 1..i are all accepted.
 *
 * Empirical Bayes as in speculation.md section 3.4: a pooled rate `alpha` with prior 7 of 10, and per position the
 * counts of drafts that reached it, shrunk to alpha^i. A fully accepted draft is censored, not a failure. Not
 * geometric on purpose: real survival curves are not.
 */
const PRIOR_ACCEPTED = 7
const PRIOR_TRIED = 10
const PRIOR_WEIGHT = 24
/** A window of about 100 drafts. */
const DECAY_USED = 0.99
/** A drafter that is not used is slowly forgotten, so that it gets another try when the text has changed. */
const DECAY_UNUSED = 0.998

export class Acceptance {
  readonly #tried: number[]
  readonly #accepted: number[]
  #totalAccepted = 0
  #totalRejected = 0

  constructor(readonly maxDepth: number) {
    this.#tried = new Array<number>(maxDepth).fill(0)
    this.#accepted = new Array<number>(maxDepth).fill(0)
  }

  /** A draft of `depth` tokens of which the first `accepted` were accepted. */
  observe(depth: number, accepted: number): void {
    this.#decay(DECAY_USED)
    for (let i = 0; i < depth; i++) {
      this.#tried[i]!++
      if (i < accepted) this.#accepted[i]!++
    }
    this.#totalAccepted += accepted
    if (accepted < depth) this.#totalRejected++
  }

  /** A decision that did not use this drafter. */
  skip(): void {
    this.#decay(DECAY_UNUSED)
  }

  /** S(1) .. S(maxDepth), never increasing. */
  survival(): number[] {
    const alpha =
      (PRIOR_ACCEPTED + this.#totalAccepted) / (PRIOR_TRIED + this.#totalAccepted + this.#totalRejected)
    const survival: number[] = []
    let last = 1
    for (let i = 0; i < this.maxDepth; i++) {
      const pooled = PRIOR_WEIGHT * alpha ** (i + 1)
      last = Math.min(last, (this.#accepted[i]! + pooled) / (this.#tried[i]! + PRIOR_WEIGHT))
      survival.push(last)
    }
    return survival
  }

  #decay(factor: number): void {
    for (let i = 0; i < this.maxDepth; i++) {
      this.#tried[i]! *= factor
      this.#accepted[i]! *= factor
    }
    this.#totalAccepted *= factor
    this.#totalRejected *= factor
  }
}
