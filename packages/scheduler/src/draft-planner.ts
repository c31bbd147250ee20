/** Who drafts in a step, for whom, and how far: as requests wish, or as the policy decides. */
import { CacheDrafter } from './cache-drafter'
import type { CostModel } from './cost-model'
import type { Drafter, Proposal } from './drafter'
import { Estimates, isTreeMethod } from './estimates'
import { GrammarDrafter } from './grammar-drafter'
import { HeadsDrafter } from './heads-drafter'
import { LookupDrafter } from './lookup-drafter'
import { LookupTreeDrafter } from './lookup-tree-drafter'
import { ModelDrafter } from './model-drafter'
import { HeadsTreeDrafter, ModelTreeDrafter } from './net-tree-drafters'
import type { NgramCache } from './ngram-cache'
import { createPolicy, type PolicyName } from './policies'
import { DRAFT_MODELS, isChosen, type Method, OFF, type Policy, type Situation } from './policy'
import type { Sequence } from './sequence'
import { ShadowDrafts } from './shadow-drafts'
import type { Draft, Guess, Step, Verdict } from './step'
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

/** What of prompts is in the step beside the sequences that decode. */
export interface Prefill {
  numSequences: number
  numRows: number
  /** Sequences that will decode once their prompts are read, in this step or not. */
  numFilling: number
}

export const NO_PREFILL: Prefill = { numSequences: 0, numRows: 0, numFilling: 0 }

export class DraftPlanner {
  readonly estimates = new Estimates()
  readonly #shadows = new ShadowDrafts(this.estimates)
  readonly #config: DraftPlannerConfig
  /** The policy of requests that name none, and those that were named so far. */
  readonly #policies: Map<PolicyName | undefined, Policy>
  readonly #cost: CostModel
  readonly #drafters: readonly Drafter[]

  constructor(config: DraftPlannerConfig, policy: Policy, cost: CostModel) {
    this.#config = config
    this.#policies = new Map([[undefined, policy]])
    this.#cost = cost
    this.#drafters = draftersOf(config, this.estimates, cost)
  }

  /**
   * Fills `step` with the drafts of all who decode. Requests that wish for a drafter first; policies decide for the
   * rest. `current`: the step in flight, if this one is planned ahead of its verdict. Returns those whose draft model has
   * yet to catch up: they draft later.
   */
  plan(step: Step, decoding: readonly Sequence[], prefill: Prefill, current?: Step): ReadonlySet<Sequence> {
    const { maxRows, maxSamples } = this.#config
    const taken = new Taken(step, Math.min(maxRows, maxSamples) - decoding.length - prefill.numSequences)
    const automatic = new Map<PolicyName | undefined, Sequence[]>()
    for (const sequence of decoding) {
      const { speculation: wish, policy } = sequence.request
      if (wish === 'auto') automatic.set(policy, [...(automatic.get(policy) ?? []), sequence])
      else if (wish !== 'off') {
        const [proposal] = this.#proposals(sequence, current, wish)
        if (proposal) taken.add(sequence, proposal, wish.depth)
      }
    }
    for (const sequences of automatic.values()) {
      const policy = this.#policyOf(sequences[0]!)
      if (policy.isDue?.(sequences.length) === false) continue
      const proposals = sequences.map(sequence => this.#proposals(sequence, current))
      const situation = this.#situation(taken, proposals, decoding, prefill)
      const choices = policy.choose(situation)
      for (const [i, sequence] of sequences.entries()) {
        const choice = choices[i]!
        const proposal = proposals[i]!.find(({ offer }) => isChosen(offer, choice))
        if (proposal) taken.add(sequence, proposal, choice.depth)
        this.#followUp(sequence, proposals[i]!, choice.method)
      }
      this.estimates.decided(new Map(sequences.map((sequence, i) => [sequence, choices[i]!.method])))
    }
    const chosen = [...step.choices.keys()]
    this.#addPasses(step, current)
    return new Set(chosen.filter(sequence => !step.choices.has(sequence)))
  }

  /** What became of a sequence's draft, once its tokens are in. */
  observe(step: Step, verdict: Verdict): void {
    const { sequence, tokens, numDrafted, numAccepted, stopped, margins, path } = verdict
    const { method, depth: planned, evidence }: Draft = step.choices.get(sequence) ?? OFF
    // Rows that the GPU looked up nothing for were paid for all the same.
    const depth = step.isAhead && method === 'lookup' ? planned : numDrafted
    if (method !== 'off' && depth > 0) {
      // Where an answer ends no guess could have added a token: how long answers are is counted by itself.
      const numSeen = stopped ? Math.min(depth, tokens.length - 1) : depth
      const accepted = Math.min(numSeen, numAccepted)
      if (!isTreeMethod(method))
        this.estimates.observe(sequence, method, { depth: numSeen, accepted, margins, evidence })
      else if (path) this.estimates.observeTree(method, step.trees.get(sequence)!, path, stopped)
      const policy = sequence.request.speculation === 'auto' ? this.#policyOf(sequence) : undefined
      policy?.observe?.({ method, depth }, numAccepted)
    }
    this.#shadows.settle(sequence)
  }

  /** A sequence's last `numTokens` tokens were committed. */
  learn(sequence: Sequence, numTokens: number): void {
    for (const drafter of this.#drafters) drafter.learn?.(sequence, numTokens)
  }

  /** The sequence has left. */
  forget(sequence: Sequence): void {
    this.estimates.forget(sequence)
    this.#shadows.forget(sequence)
  }

  #policyOf({ request: { policy: name } }: Sequence): Policy {
    let policy = this.#policies.get(name)
    if (!policy) {
      policy = createPolicy(name!)
      this.#policies.set(name, policy)
    }
    return policy
  }

  /** A guess that costs nothing and was not chosen is judged all the same. */
  #followUp(sequence: Sequence, proposals: readonly Proposal[], chosen: Method | 'off'): void {
    for (const { offer, evidence, tokens } of proposals) {
      if (tokens && offer.method !== chosen) this.#shadows.note(sequence, offer.method, { tokens, evidence })
    }
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

  /** What these contenders face: the drafts already taken, of those that wished and of other policies, stand. */
  #situation(
    { free, numRows, numTokens }: Taken,
    proposals: ReadonlyArray<readonly Proposal[]>,
    decoding: readonly Sequence[],
    prefill: Prefill,
  ): Situation {
    return {
      contenders: proposals.map(all => ({ offers: all.map(({ offer }) => offer) })),
      baseTokens: decoding.length - proposals.length + prefill.numFilling + numTokens,
      baseRows: decoding.length + prefill.numFilling + numRows,
      prefillRows: prefill.numRows,
      numDecoding: decoding.length,
      numContext: decoding.reduce((sum, s) => sum + s.length, 0),
      freeRows: free,
      cost: this.#cost,
    }
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

/** The drafts that are in a step so far. */
class Taken {
  numRows = 0
  /** Tokens that they are expected to add. */
  numTokens = 0

  constructor(
    readonly step: Step,
    /** Rows that are left. */
    public free: number,
  ) {}

  add(sequence: Sequence, { offer, evidence, most, add }: Proposal, wanted: number): void {
    const depth = Math.min(wanted, most, this.free)
    if (depth <= 0) return
    add(this.step, depth)
    this.step.choices.set(sequence, { method: offer.method, depth, evidence })
    this.free -= depth
    this.numRows += depth
    this.numTokens += offer.gains.slice(0, depth).reduce((sum, gain) => sum + gain, 0)
  }
}

function draftersOf(
  { maxRows, numDrafts = 0, numHeads = 0, trees, ngramCache, guess }: DraftPlannerConfig,
  estimates: Estimates,
  cost: CostModel,
): Drafter[] {
  const waitMs = () => cost.waitMs
  const readbackMs = () => cost.readbackMs
  return [
    new LookupDrafter(estimates, guess, waitMs),
    new GrammarDrafter(estimates),
    ...(ngramCache ? [new CacheDrafter(estimates, ngramCache, waitMs)] : []),
    ...DRAFT_MODELS.slice(0, numDrafts).map(model => new ModelDrafter(model, estimates, maxRows, readbackMs)),
    ...(numHeads > 0 ? [new HeadsDrafter(estimates, numHeads, readbackMs)] : []),
    ...(trees ? [new LookupTreeDrafter(estimates, waitMs)] : []),
    ...(trees && numDrafts > 0 ? [new ModelTreeDrafter(estimates, maxRows)] : []),
    ...(trees && numHeads > 0 ? [new HeadsTreeDrafter(estimates, numHeads)] : []),
  ]
}
