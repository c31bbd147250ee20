/** Public types of what an engine tells of itself: pure, safe for the main thread. */

import type { Drafter, TokenBatch } from './request-types'

/** Counters with vLLM's names. A draft is what one step verifies for one request. */
export interface SpeculationCounters {
  num_drafts: number
  num_draft_tokens: number
  num_accepted_tokens: number
  /** Index i: drafts whose token i + 1 was accepted. */
  num_accepted_tokens_per_pos: number[]
  /** Index i: drafts of which i tokens were accepted, none beyond. */
  acceptance_histogram: number[]
  /** Tokens that a draft gave, with the target's own: 1 + accepted / drafts. 1 where there was no draft. */
  mean_acceptance_length: number
  /** Accepted of the drafted tokens, 0 where there were none. */
  draft_acceptance_rate: number
}

/** What one step did. */
export interface StepEvent {
  /** Counts all steps of the engine, from 1. */
  step: number
  /** Rows of the target pass, and those whose next token was drawn. */
  rows: number
  samples: number
  /** Rows that read prompts: the others are those of decoding. */
  promptRows: number
  /** Everyone who had rows in it. */
  requests: Array<{
    /** As in the request's batches. */
    id: number
    rows: number
    method: TokenBatch['speculation']['method']
    depth: number
    accepted: number
    /** Tokens that it gained; none while its prompt is read. */
    tokens: number
    /** Of a chain from a draft model or heads: how far each token's logit was above the next best one. */
    margins?: readonly number[]
  }>
  /** As in the batches' timings. */
  stepMs: number
  /** Where draft models ran: what the step took beyond an undrafted one of as many rows, by the table of costs. */
  draftMs?: number
  /** Once it was over. */
  num_running: number
  num_waiting: number
  /** Planned and submitted before the step before it was read. */
  ahead: boolean
}

/** How a draft's vocabulary goes with the model's. */
export interface DraftVocabulary {
  /** An id means the same to both wherever both have a token. If not, only what both have is guessed. */
  sameIds: boolean
  /** Tokens of text that both have. */
  commonTokens: number
  /** Their share of the smaller vocabulary; 1 where the ids are the same. */
  share: number
}

export interface DraftFacts {
  name: string
  format: string
  parameters: number
  vocabulary: DraftVocabulary
}

export interface EngineStats extends SpeculationCounters {
  /** The same counters by drafter. */
  byMethod: Record<Drafter, SpeculationCounters>
  num_steps: number
  num_generated_tokens: number
  /** GPU dispatches of all steps. */
  num_dispatches: number
  /**
   * Sums over all steps: recording to verdict, planning and committing, recording alone (part of `step`), and the
   * GPU's own time (0 unless an engine is loaded for profiling).
   */
  timeMs: { step: number; cpu: number; record: number; gpu: number }
  num_running: number
  num_waiting: number
  /** Times that a request had to give its KV blocks to an earlier one, and was computed again later. */
  num_preemptions: number
  /** Tokens that did not have to be computed: keys and values of the same tokens were there. */
  prefix_cache_hits: number
  /** Blocks of 64 positions of keys and values: held by running requests, and kept in case they are wanted again. */
  kvBlocks: { total: number; used: number; cached: number }
  /** Adapter, as WebGPU describes it. */
  adapter: string
  model: {
    name: string
    architecture: string
    format: string
    parameters: number
    contextLength: number
    hasChatTemplate: boolean
  }
  draft: DraftFacts | null
  /** All draft models, the first included. */
  drafts: DraftFacts[]
  /** Medusa heads that are loaded. */
  numHeads: number
  /** N-grams in the cache, at most 32,768; 0 where there is none. */
  numCachedNgrams: number
  /** GPU memory taken by weights, KV cache and working buffers, in bytes. All 0 once disposed of. */
  gpuBytes: { weights: number; kv: number; work: number }
  /**
   * What the memory plan came to: rows of a pass, which a prefill chunk may fill; rows of those whose next token is drawn;
   * requests that run together; positions of KV that they share.
   */
  capacity: { maxRows: number; maxSamples: number; maxConcurrent: number; kvPositions: number }
  /**
   * Rows that share a workgroup, those of prefill last: sizes whose results are equal bit for bit on this device, and
   * those that are not used; and whether rows may be nodes of trees, if they are to be.
   */
  selfCheck: { tilesUsed: number[]; tilesRefused: number[]; trees: boolean }
  /**
   * How products with the weights are cut up, by name, and whence: `default` where there was nothing to choose from or
   * no time for it, else measured at this load, or at an earlier one and stored.
   */
  tuning: { cut: string; from: 'default' | 'measured' | 'stored' }
  /**
   * Which numerics are used, and why: they were `asked` for; `fast` was measured to be `faster` than `exact`, or `slower`, or
   * no faster than may be noise; the browser's WGSL has no products of int8 (`no-feature`), or they were `refused` all the
   * same; no matrix of the feed-forward layers has such a format (`no-integers`). `speedup`: the time of exact products over
   * that of fast ones, where both were measured, at this load or an earlier one.
   */
  numerics: {
    used: 'exact' | 'fast'
    reason: 'asked' | 'faster' | 'slower' | 'no-feature' | 'refused' | 'no-integers'
    speedup?: number
  }
  /**
   * Milliseconds of a target pass by rows, of one pass of each draft model by rows, of the heads' by tokens; and what a
   * step loses that waits for the tokens of the one before.
   */
  cost: Record<'target' | 'draft' | 'draft-2' | 'draft-3' | 'heads', Array<{ rows: number; ms: number }>> & {
    waitMs: number
  }
  /**
   * Chance that draft token i + 1 is accepted, by drafter, as the controller believes it now; of trees, that the best child
   * at depth i + 1 is, if its parent was.
   */
  survival: Record<Drafter, number[]>
  /** GPU objects created since the engine is ready; 0 once running. */
  createsSinceReady: number
}
