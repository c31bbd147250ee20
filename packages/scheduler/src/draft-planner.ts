/** Who drafts in a step, for whom, and how far: as requests wish, or as the policy decides. */
import { CacheDrafter } from './cache-drafter'
import type { CostModel } from './cost-model'
import type { Drafter, Proposal } from './drafter'
import { Estimates } from './estimates'
import { HeadsDrafter } from './heads-drafter'
import { LookupDrafter } from './lookup-drafter'
import { LookupTreeDrafter } from './lookup-tree-drafter'
import { ModelDrafter } from './model-drafter'
import { HeadsTreeDrafter, ModelTreeDrafter } from './net-tree-drafters'
import type { NgramCache } from './ngram-cache'
import { DRAFT_MODELS, type Method, type Policy } from './policy'
import type { Sequence } from './sequence'
import type { Guess, Step } from './step'
import { verifiableDepth } from './verification'

export interface DraftPlannerConfig {
  /** Rows and samples that fit into one pass. */
  maxRows: number
  maxSamples: number
  /** Draft models, at most three, and heads of the target; default none. */
  numDrafts?: number
  numHeads?: number
  /** Rows may be nodes of draft trees. */
  trees?: boolean
  /** What texts have shown so far; default: it is not asked. */
  ngramCache?: NgramCache | undefined
  /** Draft tokens of a sequence whose probabilities the GPU keeps; default none. */
  verificationDepth?: number
  /** Up to `depth` guesses for a sequence; prompt lookup unless a test puts another drafter in its place. */
  guess?: (sequence: Sequence, depth: number) => Guess | undefined
}

export class DraftPlanner {
  readonly estimates = new Estimates()
  readonly #config: DraftPlannerConfig
  readonly #policy: Policy
  readonly #cost: CostModel
  readonly #drafters: readonly Drafter[]

  constructor(config: DraftPlannerConfig, policy: Policy, cost: CostModel) {
    this.#config = config
    this.#policy = policy
    this.#cost = cost
    this.#drafters = draftersOf(config, this.estimates, () => cost.waitMs)
  }

  /**
   * Fills `step` with the drafts of all who decode. Requests that wish for a drafter first; the policy decides for the
   * rest. `current`: the step in flight, if this one is planned ahead of its verdict. Returns those whose draft model has
   * yet to catch up: they draft later.
   */
  plan(
    step: Step,
    decoding: readonly Sequence[],
    filling: readonly Sequence[],
    current?: Step,
  ): ReadonlySet<Sequence> {
    const { maxRows, maxSamples } = this.#config
    let free = Math.min(maxRows, maxSamples) - decoding.length - filling.length
    /** Returns the tokens that it is expected to add. */
    const take = (sequence: Sequence, { offer, most, add }: Proposal, wanted: number): number => {
      const depth = Math.min(wanted, most, free)
      if (depth <= 0) return 0
      add(step, depth)
      step.choices.set(sequence, { method: offer.method, depth })
      free -= depth
      return offer.gains.slice(0, depth).reduce((sum, gain) => sum + gain, 0)
    }
    const automatic: Sequence[] = []
    let baseTokens = 0
    for (const sequence of decoding) {
      const wish = sequence.request.speculation
      if (wish === 'auto') automatic.push(sequence)
      else {
        const [proposal] = wish === 'off' ? [] : this.#proposals(sequence, current, wish)
        baseTokens += 1 + (proposal && wish !== 'off' ? take(sequence, proposal, wish.depth) : 0)
      }
    }
    if (automatic.length > 0) {
      const proposals = automatic.map(sequence => this.#proposals(sequence, current))
      const choices = this.#policy.choose({
        contenders: proposals.map(all => ({ offers: all.map(({ offer }) => offer) })),
        baseTokens,
        baseRows: this.#rowsSoFar(step, decoding, filling),
        freeRows: free,
        cost: this.#cost,
      })
      this.estimates.skipAllBut(new Set(choices.map(({ method }) => method)))
      for (const [i, { method, depth }] of choices.entries()) {
        const proposal = proposals[i]!.find(({ offer }) => offer.method === method)
        if (proposal) take(automatic[i]!, proposal, depth)
      }
    }
    const chosen = [...step.choices.keys()]
    this.#addPasses(step, current)
    return new Set(chosen.filter(sequence => !step.choices.has(sequence)))
  }

  /** A sequence's last `numTokens` tokens were committed. */
  learn(sequence: Sequence, numTokens: number): void {
    for (const drafter of this.#drafters) drafter.learn?.(sequence, numTokens)
  }

  /** What each drafter, or the one that is wished for, could do. */
  #proposals(
    sequence: Sequence,
    current: Step | undefined,
    wish?: { method: Method; depth: number },
  ): Proposal[] {
    return this.#drafters.flatMap(drafter => {
      if (wish && wish.method !== drafter.method) return []
      const limit = verifiableDepth(sequence.request, drafter.method, this.#config.verificationDepth ?? 0)
      const most = Math.min(limit, sequence.room, wish?.depth ?? limit)
      return most > 0 ? (drafter.propose(sequence, most, current) ?? []) : []
    })
  }

  #rowsSoFar({ choices }: Step, decoding: readonly Sequence[], filling: readonly Sequence[]): number {
    const backlog = filling.reduce((sum, s) => sum + s.length - s.numComputed, 0)
    const drafted = [...choices.values()].reduce((sum, { depth }) => sum + depth, 0)
    return decoding.length + drafted + Math.min(backlog, this.#config.maxRows - decoding.length)
  }

  #addPasses(step: Step, current: Step | undefined): void {
    for (const drafter of this.#drafters) {
      const chosen = [...step.choices].flatMap(([sequence, { method }]) =>
        method === drafter.method ? sequence : [],
      )
      if (chosen.length > 0) drafter.addPasses?.(step, chosen, current)
    }
  }
}

function draftersOf(
  { maxRows, numDrafts = 0, numHeads = 0, trees, ngramCache, guess }: DraftPlannerConfig,
  estimates: Estimates,
  waitMs: () => number,
): Drafter[] {
  return [
    new LookupDrafter(estimates, guess),
    ...(ngramCache ? [new CacheDrafter(estimates, ngramCache, waitMs)] : []),
    ...DRAFT_MODELS.slice(0, numDrafts).map(model => new ModelDrafter(model, estimates, maxRows)),
    ...(numHeads > 0 ? [new HeadsDrafter(estimates, numHeads)] : []),
    ...(trees ? [new LookupTreeDrafter(estimates, waitMs)] : []),
    ...(trees && numDrafts > 0 ? [new ModelTreeDrafter(estimates, maxRows)] : []),
    ...(trees && numHeads > 0 ? [new HeadsTreeDrafter(estimates, numHeads)] : []),
  ]
}
