/**
 * How often a child of an accepted node is accepted, by depth and rank: what a tree is shaped by (Sequoia, 2402.12374).
 * Counts of each depth are shrunk to those of all depths, and these to a prior: the best child is right in six of ten
 * cases, each further one a third as often.
 */
const PRIOR_FIRST = 0.6
const PRIOR_DECAY = 1 / 3
const PRIOR_WEIGHT = 10
const DEPTH_WEIGHT = 24
/** As a chain's: acceptance.ts. */
const DECAY_USED = 0.99
const DECAY_UNUSED = 0.998

interface Count {
  tried: number
  accepted: number
}

export class TreeAcceptance {
  readonly #byDepth: Count[][] = [] // [depth - 1][rank]
  readonly #byRank: Count[] = []

  /** Chance that the child of this rank, at this depth, is accepted if its parent was. Never rises with the rank. */
  chance(depth: number, rank: number): number {
    let least = 1
    for (let r = 0; r <= rank; r++) {
      const prior = PRIOR_FIRST * PRIOR_DECAY ** r
      const pooled = shrunk(this.#byRank[r], prior, PRIOR_WEIGHT)
      least = Math.min(least, shrunk(this.#byDepth[depth - 1]?.[r], pooled, DEPTH_WEIGHT))
    }
    return least
  }

  /** A tree of which the nodes on `path`, the root first, were accepted. A stop hides what became of the last one's children. */
  observe(parents: readonly number[], path: readonly number[], stopped: boolean): void {
    this.#decay(DECAY_USED)
    for (const [i, node] of path.entries()) {
      const next = path[i + 1]
      if (next === undefined && stopped) continue
      const children = parents.flatMap((parent, at) => (parent === node ? [at + 1] : []))
      this.#byDepth[i] ??= []
      for (const [rank, child] of children.entries()) {
        for (const counts of [this.#byDepth[i], this.#byRank]) {
          counts[rank] ??= { tried: 0, accepted: 0 }
          counts[rank].tried++
          if (child === next) counts[rank].accepted++
        }
      }
    }
  }

  /** A decision that did not use this drafter. */
  skip(): void {
    this.#decay(DECAY_UNUSED)
  }

  #decay(factor: number): void {
    for (const count of [...this.#byDepth.flat(), ...this.#byRank]) {
      count.tried *= factor
      count.accepted *= factor
    }
  }
}

const shrunk = (count: Count | undefined, prior: number, weight: number): number =>
  ((count?.accepted ?? 0) + weight * prior) / ((count?.tried ?? 0) + weight)
