/**
 * How far guesses survive: S(i) = chance that draft tokens 1..i are all accepted, as the product of the chances of each
 * given those before it (Kaplan and Meier, 1958). A draft says something of the tokens up to its first rejection and
 * nothing of those behind it, whether it was rejected, cut short, or all of it accepted. Not geometric on purpose: real
 * survival curves are not (speculation.md 3.4).
 */
import { MAX_DEPTH } from './policy'

/** Counts by position, that older drafts fade from. */
export class Acceptance {
  readonly tried = new Float64Array(MAX_DEPTH)
  readonly accepted = new Float64Array(MAX_DEPTH)
  numTried = 0
  numAccepted = 0

  /**
   * A draft of `depth` tokens of which the first `accepted` were accepted. Where the chance of a token was foretold, it
   * counts half as it came out and half as it was foretold: what is foretold varies less than what comes.
   */
  observe(depth: number, accepted: number, foretold: ReadonlyArray<number | undefined> = []): void {
    const reached = Math.min(depth, accepted + 1)
    for (let i = 0; i < reached; i++) {
      const outcome = i < accepted ? 1 : 0
      const share = (outcome + (foretold[i] ?? outcome)) / 2
      this.tried[i]!++
      this.accepted[i]! += share
      this.numAccepted += share
    }
    this.numTried += reached
  }

  fade(factor: number): void {
    for (let i = 0; i < MAX_DEPTH; i++) {
      this.tried[i]! *= factor
      this.accepted[i]! *= factor
    }
    this.numTried *= factor
    this.numAccepted *= factor
  }

  /** Chance of a token, whichever its position; `prior` counts as `weight` tries. */
  rate(prior: number, weight: number): number {
    return (prior * weight + this.numAccepted) / (weight + this.numTried)
  }

  /** The same for the token at `position`, given those before it. */
  rateAt(position: number, prior: number, weight: number): number {
    return (prior * weight + this.accepted[position]!) / (weight + this.tried[position]!)
  }
}
