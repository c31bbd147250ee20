import type { Choice } from './controller'
import type { Sequence } from './sequence'

/** One query position. */
export interface Row {
  sequence: Sequence
  position: number
  /** The place of its KV, counted like positions; its position, if nothing else is said. */
  slot?: number
  /** The place of its token in the sequence's history; likewise. */
  tokenAt?: number
  /**
   * A node of a draft tree: sees the positions below `base`, and the node in slot base + j where bit j of `mask` is
   * set. Those are its ancestors, in ascending order, and itself: position = base + their number - 1.
   */
  tree?: { base: number; mask: number }
}

/** A row whose next token is drawn. */
export interface Sample {
  /** Index into the pass's rows. */
  row: number
  sequence: Sequence
  /** Position of the drawn token. */
  position: number
}

/** A sequence's draft under judgement: its samples stand in a run from `firstSample`. */
export interface VerdictRequest {
  sequence: Sequence
  length: number
  firstSample: number
  depth: number
}

/** One forward pass of one model over ragged rows. */
export interface Pass {
  rows: Row[]
  samples: Sample[]
  verdicts: VerdictRequest[]
}

/** All the GPU work of one step: one submit. */
export interface Step {
  draftPasses: Pass[]
  targetPass: Pass
  /** Draft tokens found by the CPU, to be written behind the sequence's last token. */
  guesses: Array<{ sequence: Sequence; tokens: number[] }>
  choices: Map<Sequence, Choice>
}

/** What the GPU reports for one sequence. */
export interface Verdict {
  sequence: Sequence
  /** Committed tokens; the last one is never a draft's unless it stopped the sequence. */
  tokens: number[]
  numAccepted: number
  stopped: boolean
}

export const emptyPass = (): Pass => ({ rows: [], samples: [], verdicts: [] })
