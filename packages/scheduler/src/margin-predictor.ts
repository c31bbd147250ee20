/**
 * Chance that a drafted token is accepted, given those before it, from the drafter's own confidence:
 * sigmoid(w * margin + b), where the margin is how far its best logit is above the next one. Fitted online by Newton's
 * method (IRLS): one step for every REFIT_EVERY drafts, from the sufficient statistics of these drafts alone
 * (speculation.md section 4). One pair for all positions: a pair for each foretells no better and learns later.
 */
const MAX_MARGIN = 40
const REFIT_EVERY = 50
const RIDGE = 1e-3
const MIN_OBSERVATIONS = 50
/** Newton's first step from START is a rough one. */
const MIN_REFITS = 2
const START = { slope: 0, intercept: 1.5 }

interface Fit {
  slope: number
  intercept: number
}

export class MarginPredictor {
  readonly #statistics = new NewtonStatistics()
  #fit: Fit = START
  #numDrafts = 0
  #numRefits = 0

  /** A draft of `depth` tokens of which the first `accepted` were accepted. Margins that are no numbers are left out. */
  observe(margins: readonly number[], depth: number, accepted: number): void {
    const reached = Math.min(depth, accepted + 1)
    for (let i = 0; i < reached; i++) {
      const margin = usable(margins[i])
      if (margin !== undefined) this.#statistics.add(margin, i < accepted ? 1 : 0, this.#fit)
    }
    if (++this.#numDrafts % REFIT_EVERY === 0) this.#refit()
  }

  /** Undefined where nothing was learnt yet, or the margin is none. */
  predict(margin: number | undefined): number | undefined {
    const { slope, intercept } = this.#fit
    const value = usable(margin)
    if (slope === 0 || value === undefined || this.#numRefits < MIN_REFITS) return undefined
    return sigmoid(slope * value + intercept)
  }

  #refit(): void {
    const fit = this.#statistics.step(this.#fit)
    this.#statistics.clear()
    if (!fit) return
    this.#fit = fit
    this.#numRefits++
  }
}

/** Gradient and Hessian of the log likelihood at a fit. */
class NewtonStatistics {
  #count = 0
  #gradient = { slope: 0, intercept: 0 }
  #hessian = { slope: 0, both: 0, intercept: 0 }

  add(margin: number, label: 0 | 1, { slope, intercept }: Fit): void {
    const p = sigmoid(slope * margin + intercept)
    const weight = p * (1 - p)
    this.#count++
    this.#gradient.slope += (label - p) * margin
    this.#gradient.intercept += label - p
    this.#hessian.slope += weight * margin * margin
    this.#hessian.both += weight * margin
    this.#hessian.intercept += weight
  }

  /** The next fit; undefined with too little to learn from, or where more confidence would mean less acceptance. */
  step({ slope, intercept }: Fit): Fit | undefined {
    if (this.#count < MIN_OBSERVATIONS) return undefined
    const a = this.#hessian.slope + RIDGE
    const d = this.#hessian.intercept + RIDGE
    const b = this.#hessian.both
    const determinant = a * d - b * b
    const next = {
      slope: slope + (d * this.#gradient.slope - b * this.#gradient.intercept) / determinant,
      intercept: intercept + (a * this.#gradient.intercept - b * this.#gradient.slope) / determinant,
    }
    const valid = next.slope >= 0 && Number.isFinite(next.slope) && Number.isFinite(next.intercept)
    return valid ? next : undefined
  }

  clear(): void {
    this.#count = 0
    this.#gradient = { slope: 0, intercept: 0 }
    this.#hessian = { slope: 0, both: 0, intercept: 0 }
  }
}

const usable = (margin: number | undefined): number | undefined =>
  margin === undefined || Number.isNaN(margin) || margin < 0 ? undefined : Math.min(margin, MAX_MARGIN)

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
