/** The data of one pass, as the kernels read it: step.wgsl. All words are u32. */
import { bitcastU32 } from './wgsl-builtins'

export const NUM_ROWS = 0
export const NUM_SAMPLES = 1
export const NUM_VERDICTS = 2
export const ROWS_AT = 3
export const SAMPLES_AT = 4
export const VERDICTS_AT = 5

const HEADER_WORDS = 8
export const ROW_WORDS = 8
export const SAMPLE_WORDS = 12
export const VERDICT_WORDS = 16

/** Flags of a sample: what is done to its logits. */
export const BIASED = 1
export const PENALISED = 2

/** A row: one query position of one sequence. */
export interface Row {
  sequence: number
  position: number
  /** Where its keys and values go: physical block * 64 + position % 64. */
  slot: number
  /** Where its token stands in the sequence's history. */
  tokenAt: number
  /** Of a tree's row: it sees the slots below base, and base + j where bit j of the mask is set. */
  base: number
  mask: number
  /** The node that a tree's row follows. */
  parent: number
}

/** A row of no tree. */
export const plainRow = (sequence: number, position: number, slot = 0): Row => ({
  sequence,
  position,
  slot,
  tokenAt: position,
  base: position + 1,
  mask: 0,
  parent: 0,
})

export interface Sample {
  row: number
  sequence: number
  /** Of the token to be sampled. */
  position: number
  temperature: number
  topK: number
  topP: number
  minP: number
  seed: number
  draft: boolean
  /** BIASED | PENALISED. */
  adjustments?: number
  /** Committed tokens of its sequence; those from here to `position` are drafted. */
  length?: number
  /** 0: none, else 1 + how many of the best tokens have theirs told too. */
  logProbs?: number
}

export interface Verdict {
  sequence: number
  length: number
  firstSample: number
  depth: number
  stops: number[]
  isTree?: boolean
}

export function rowAt(step: Uint32Array, row: number): Row {
  const at = step[ROWS_AT]! + row * ROW_WORDS
  const [sequence, position, slot, tokenAt, base, mask, parent] = step.subarray(at) as unknown as number[]
  return {
    sequence: sequence!,
    position: position!,
    slot: slot!,
    tokenAt: tokenAt!,
    base: base!,
    mask: mask!,
    parent: parent!,
  }
}

export function writeStep(
  rows: readonly Row[],
  samples: readonly Sample[] = [],
  verdicts: readonly Verdict[] = [],
): Uint32Array<ArrayBuffer> {
  const rowsAt = HEADER_WORDS
  const samplesAt = rowsAt + rows.length * ROW_WORDS
  const verdictsAt = samplesAt + samples.length * SAMPLE_WORDS
  const step = new Uint32Array(verdictsAt + verdicts.length * VERDICT_WORDS)
  step.set([rows.length, samples.length, verdicts.length, rowsAt, samplesAt, verdictsAt])
  for (const [i, { sequence, position, slot, tokenAt, base, mask, parent }] of rows.entries()) {
    step.set([sequence, position, slot, tokenAt, base, mask, parent], rowsAt + i * ROW_WORDS)
  }
  for (const [i, s] of samples.entries()) {
    const floats = [s.topP, s.minP].map(bitcastU32)
    const place = [s.row, s.sequence, s.position, bitcastU32(s.temperature)]
    const extras = [s.adjustments ?? 0, s.length ?? s.position, s.logProbs ?? 0]
    step.set([...place, s.topK, ...floats, s.seed, Number(s.draft), ...extras], samplesAt + i * SAMPLE_WORDS)
  }
  for (const [i, { sequence, length, firstSample, depth, stops, isTree }] of verdicts.entries()) {
    const record = [sequence, length, firstSample, depth, stops.length + (isTree ? 256 : 0), ...stops]
    step.set(record, verdictsAt + i * VERDICT_WORDS)
  }
  return step
}
