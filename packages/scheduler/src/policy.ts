/** What a policy decides at every step: for each sequence that may speculate, who drafts for it and how far. */
import type { CostModel } from './cost-model'

export const MAX_DEPTH = 16

/** Nodes of a draft tree: with the last token, the bits of a mask. */
export const MAX_NODES = 31

/** Who guesses: the drafters there can be. Those after the first dash stand for several of a kind, or for its trees. */
export const METHODS = [
  'lookup',
  'cache',
  'draft',
  'draft-2',
  'draft-3',
  'heads',
  'lookup-tree',
  'draft-tree',
  'heads-tree',
  'grammar',
] as const
export type Method = (typeof METHODS)[number]

/** What runs on the GPU to draft: up to three models, and heads of the target. */
export const DRAFT_MODELS = ['draft', 'draft-2', 'draft-3'] as const
export type DraftModel = (typeof DRAFT_MODELS)[number]
export const DRAFT_NETS = [...DRAFT_MODELS, 'heads'] as const
export type DraftNet = (typeof DRAFT_NETS)[number]

export const isDraftModel = (method: Method | 'off'): method is DraftModel =>
  DRAFT_MODELS.some(model => model === method)

const ofCpu = ['lookup', 'cache', 'lookup-tree', 'grammar'] as const

/** They guess on the CPU, for nothing, from the last tokens. */
export const isOfCpu = (method: Method): method is (typeof ofCpu)[number] =>
  ofCpu.some(name => name === method)

/** The net that drafts for a method, if one does. */
export function netOf(method: Method): DraftNet | undefined {
  if (method === 'draft-tree') return 'draft'
  if (method === 'heads-tree') return 'heads'
  return isOfCpu(method) ? undefined : method
}

export interface Choice {
  method: Method | 'off'
  /** Rows that the target verifies beside the sequence's own. */
  depth: number
  /** It is the offer that waits for the tokens of the step in flight. */
  waits?: true
}

export const OFF: Choice = { method: 'off', depth: 0 }

/** What one drafter could do for a sequence in this step. */
export interface Offer {
  method: Method
  /**
   * Expected tokens that the i-th further row adds, never increasing: of a chain, the survival S(i + 1); of a tree, the
   * chance that all nodes on the way to the i-th are accepted, so that the first n are a tree for every n.
   */
  gains: readonly number[]
  /** It waits for the tokens of the step in flight: chance that they leave anything to guess. Absent: it does not. */
  chance?: number
  /** The step waits so long, in ms, for tokens that these guesses, or the grammar that judges them, need to know. */
  waitMs?: number
  /** Of what drafts on the GPU. Absent where guesses cost nothing. */
  drafting?: {
    /** The draft pass that takes one more row for row i; undefined: none does. Absent: pass i, as in a chain. */
    passes?: ReadonlyArray<number | undefined>
    /** Positions that it has yet to see before it can draft; at least 1. */
    lag: number
    /** Steps over which its catch-up may be spread, 1 or more: it is an investment. */
    horizon: number
  }
}

/** A sequence that may speculate in this step, with at most one offer of each drafter, and one more that waits. */
export interface Contender {
  offers: readonly Offer[]
}

export interface Situation {
  contenders: readonly Contender[]
  /**
   * Tokens that the other sequences are expected to commit in this step. One whose prompt is being read counts as if it
   * decoded already: the time that drafts take is taken from it as well, and what is begun now goes on in its company.
   */
  baseTokens: number
  /** Rows of the target pass that are there whatever is chosen: one per such sequence, and drafts already chosen. */
  baseRows: number
  /** Rows of prompts in the same pass. */
  prefillRows: number
  /** Sequences that decode in this step, contenders and others. */
  numDecoding: number
  /** Positions whose keys and values they read. */
  numContext: number
  /** Draft rows that still fit into the pass. */
  freeRows: number
  cost: CostModel
}

/** Policies may remember; nothing else may move them: the same situations give the same choices. */
export interface Policy {
  /** Whether it has to be asked in a step with so many contenders; absent: in every step. Where it is not, all are off. */
  isDue?(numContenders: number): boolean
  /** One choice per contender, no deeper than its offer; all rows together fit into `freeRows`. */
  choose(situation: Situation): Choice[]
  /** What became of a draft that it chose. */
  observe?(choice: Choice, numAccepted: number): void
}

/** Most offers are of these two kinds. */
const NO_PASSES: readonly number[] = new Array(MAX_NODES).fill(-1)
const CHAIN_PASSES: readonly number[] = NO_PASSES.map((_, i) => i)

/** Of each row of an offer, the draft pass that takes one more row for it; -1: none does. */
export const passesOf = ({ drafting }: Offer): readonly number[] =>
  drafting ? (drafting.passes?.map(pass => pass ?? -1) ?? CHAIN_PASSES) : NO_PASSES

/** Draft passes that come one behind the other before the offer's first `numRows` rows are there. */
export const numPassesOf = (offer: Offer, numRows: number): number =>
  1 + Math.max(-1, ...passesOf(offer).slice(0, numRows))

/** The offer of a drafter; of two, the one that does not wait. */
export const offerOf = ({ offers }: Contender, method: Choice['method']): Offer | undefined =>
  offers.find(offer => offer.method === method)

/** Whether it waits for the tokens of the step in flight. */
export const waitsForTokens = ({ chance }: Offer): boolean => chance !== undefined

export const isChosen = (offer: Offer, { method, waits }: Choice): boolean =>
  offer.method === method && waitsForTokens(offer) === (waits ?? false)

/** The first `depth` rows of an offer. */
export function choiceOf(offer: Offer, depth: number): Choice {
  const { method } = offer
  return waitsForTokens(offer) ? { method, depth, waits: true } : { method, depth }
}
