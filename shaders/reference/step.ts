/** The data of one pass, as the kernels read it: step.wgsl. All words are u32. */
import { bitcastU32 } from './wgsl-builtins'

export const NUM_ROWS = 0
export const NUM_SAMPLES = 1
export const NUM_VERDICTS = 2
export const ROWS_AT = 3
export const SAMPLES_AT = 4
export const VERDICTS_AT = 5
export const NUM_TILES = 6
export const TILES_AT = 7

const HEADER_WORDS = 8
export const ROW_WORDS = 8
const TILE_WORDS = 5
export const SAMPLE_WORDS = 12
export const VERDICT_WORDS = 16

/** Of a sequence's verdict: number of tokens, accepted drafts, stopped, drafts, then the tokens. */
export const RESULT_WORDS = 48
/** Of a tree: the nodes that the tokens were sampled at, one per byte. */
export const PATH_AT = 24
/** Of a chain that a net drew: how far its best logit was above the next one. */
export const MARGINS_AT = 32

/** Flags of a sample: what is done to its logits. */
export const BIASED = 1
export const PENALISED = 2
/** The rule by which its draft is judged, where it is not by equal samples; and that a model drew it, and left its probabilities. */
export const REJECTION = 4
export const BLOCK = 8
export const DRAWN = 16
export const VERIFIED = REJECTION | BLOCK
/** Its logits are masked by a grammar. */
export const CONSTRAINED = 32

/** A row: one query position of one sequence. */
export interface Row {
  sequence: number
  position: number
  /** Where its keys and values go: physical block * 64 + position % 64. */
  slot: number
  /** Where its token stands in the history: at its position, if nothing else is said. */
  tokenAt?: number
  /** Of a draft tree: the row sees slots below `base`, and slot base + j where bit j of `mask` is set. */
  tree?: Tree
}

export interface Tree {
  base: number
  mask: number
  /** The node that the row follows. */
  parent?: number
}

/** Neighbouring rows of one sequence, attended together. */
export interface Tile {
  first: number
  rows: number
}

/** A row of no tree. */
export const plainRow = (sequence: number, position: number, slot = 0): Row => ({ sequence, position, slot })

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
  /** Of a tree's draft: so many of the best tokens are left, for places that lie `skip` further on. */
  children?: { count: number; skip: number }
  /** Of a pass of heads. */
  head?: number
  /** BIASED | PENALISED | REJECTION | BLOCK | DRAWN | CONSTRAINED. */
  flags?: number
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

export function rowAt(step: Uint32Array, row: number): Required<Row> {
  const at = step[ROWS_AT]! + row * ROW_WORDS
  const [sequence, position, slot, tokenAt, base, mask, parent] = step.subarray(at) as unknown as number[]
  return {
    sequence: sequence!,
    position: position!,
    slot: slot!,
    tokenAt: tokenAt!,
    tree: { base: base!, mask: mask!, parent: parent! },
  }
}

/** Tiles of so many rows at most. */
export function cutTiles(rows: readonly Row[], maxRows: number): Tile[] {
  const tiles: Tile[] = []
  rows.forEach((row, i) => {
    const last = tiles.at(-1)
    if (last && last.rows < maxRows && rows[last.first]!.sequence === row.sequence) last.rows++
    else tiles.push({ first: i, rows: 1 })
  })
  return tiles
}

function tileWords(rows: readonly Row[], { first, rows: count }: Tile): number[] {
  const members = rows.slice(first, first + count)
  const splits = Math.max(...members.map(({ position }) => Math.floor(position / 64))) + 1
  const ends = members.map(({ position, tree }) =>
    tree?.mask ? tree.base + 32 - Math.clz32(tree.mask) : position + 1,
  )
  const nodesFrom = Math.min(0xffffffff, ...members.map(({ tree }) => (tree?.mask ? tree.base : 0xffffffff)))
  return [first, count, splits, Math.max(...ends), nodesFrom]
}

export function writeStep(
  rows: readonly Row[],
  samples: readonly Sample[] = [],
  verdicts: readonly Verdict[] = [],
  maxTileRows = 1,
): Uint32Array<ArrayBuffer> {
  const tiles = cutTiles(rows, maxTileRows)
  const rowsAt = HEADER_WORDS
  const samplesAt = rowsAt + rows.length * ROW_WORDS
  const verdictsAt = samplesAt + samples.length * SAMPLE_WORDS
  const tilesAt = verdictsAt + verdicts.length * VERDICT_WORDS
  const step = new Uint32Array(tilesAt + tiles.length * TILE_WORDS)
  const counts = [rows.length, samples.length, verdicts.length]
  step.set([...counts, rowsAt, samplesAt, verdictsAt, tiles.length, tilesAt])
  for (const [i, { sequence, position, slot, tokenAt = position, tree }] of rows.entries()) {
    const { base, mask, parent = 0 } = tree ?? { base: position + 1, mask: 0 }
    step.set([sequence, position, slot, tokenAt, base, mask, parent], rowsAt + i * ROW_WORDS)
  }
  for (const [i, tile] of tiles.entries()) step.set(tileWords(rows, tile), tilesAt + i * TILE_WORDS)
  for (const [i, s] of samples.entries()) {
    const floats = [s.topP, s.minP].map(bitcastU32)
    const place = [s.row, s.sequence, s.position, bitcastU32(s.temperature)]
    const extras = [s.flags ?? 0, s.length ?? s.position, s.logProbs ?? 0]
    const { count, skip } = s.children ?? { count: Number(s.draft), skip: 0 }
    const left = count | (skip << 8) | ((s.head ?? 0) << 16)
    step.set([...place, s.topK, ...floats, s.seed, left, ...extras], samplesAt + i * SAMPLE_WORDS)
  }
  for (const [i, { sequence, length, firstSample, depth, stops, isTree }] of verdicts.entries()) {
    const record = [sequence, length, firstSample, depth, stops.length + (isTree ? 256 : 0), ...stops]
    step.set(record, verdictsAt + i * VERDICT_WORDS)
  }
  return step
}
