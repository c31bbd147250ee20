import type { Choice, DraftNet } from './policy'
import type { Sequence } from './sequence'

/** One query position. */
export interface Row {
  sequence: Sequence
  position: number
  /** Of a draft tree's row. */
  node?: TreeNode
}

/**
 * A node of a draft tree. Node 0 is the last committed token, at position `base`; the tokens, keys and values of node j
 * stand where those of position base + j would.
 */
export interface TreeNode {
  index: number
  parent: number
  base: number
  /** Bit j: node j is this one or an ancestor (SpecInfer's tree attention, 2305.09781). */
  mask: number
}

/** Draft tokens: one behind the other, or the nodes 1, 2, … of a tree, each behind an earlier one. */
export interface Guess {
  tokens: readonly number[]
  /** The node that each token follows. Absent: a chain. */
  parents?: readonly number[]
  /** What its drafter has to go by: guesses of the same evidence are judged together. Absent: nothing. */
  evidence?: number | undefined
}

/** Who drafts for a sequence, how far, and by what evidence. */
export interface Draft extends Choice {
  evidence?: number | undefined
}

/** A row whose next token is drawn. */
export interface Sample {
  /** Index into the pass's rows. */
  row: number
  sequence: Sequence
  /** Position of the drawn token. */
  position: number
  /** In a tree's draft: so many of the best tokens are left, for children that stand `skip` places further on. */
  children?: { count: number; skip: number }
  /** Of a pass of heads: which one draws. */
  head?: number
}

/** A sequence's draft under judgement: its samples stand in a run from `firstSample`, as its rows do. */
export interface VerdictRequest {
  sequence: Sequence
  length: number
  firstSample: number
  /** Of a chain; the number of nodes drafted, if it is a tree. */
  depth: number
  isTree?: boolean
}

/** One forward pass of one model over ragged rows. */
export interface Pass {
  rows: Row[]
  samples: Sample[]
  verdicts: VerdictRequest[]
}

export interface DraftPass extends Pass {
  net: DraftNet
}

/**
 * All the GPU work of one step: one submit.
 *
 * A step that is planned ahead, while the one before is in flight, does not know how long its sequences are: the
 * positions of its rows and samples and the lengths of its verdicts count from the length that the GPU will find.
 */
export interface Step {
  isAhead: boolean
  draftPasses: DraftPass[]
  targetPass: Pass
  /** Draft tokens found by the CPU, to be written behind the sequence's last token. */
  guesses: Array<Guess & { sequence: Sequence }>
  /** Prompt lookups for the GPU to do, where the CPU does not know the tokens yet. */
  lookups: Array<{ sequence: Sequence; depth: number }>
  choices: Map<Sequence, Draft>
  /** Sequences with other blocks than in the steps before. */
  tables: Sequence[]
  /** The shape of each tree that is drafted: the node that each of its nodes 1, 2, … follows, siblings side by side. */
  trees: Map<Sequence, readonly number[]>
}

/** What the GPU reports for one sequence. */
export interface Verdict {
  sequence: Sequence
  /** Committed tokens; the last one is never a draft's unless it stopped the sequence. */
  tokens: number[]
  /** Guesses that there were: a lookup may find fewer than the depth of its verdict request. */
  numDrafted: number
  numAccepted: number
  stopped: boolean
  /** Of each drafted token: how far the drafter's best logit was above the next one, where the drafter tells. */
  margins?: readonly number[]
  /** Of a tree: the node that each token was sampled at. */
  path?: number[]
}

export const emptyPass = (): Pass => ({ rows: [], samples: [], verdicts: [] })

export const emptyStep = (isAhead: boolean): Step => ({
  isAhead,
  draftPasses: [],
  targetPass: emptyPass(),
  guesses: [],
  lookups: [],
  choices: new Map(),
  trees: new Map(),
  tables: [],
})
