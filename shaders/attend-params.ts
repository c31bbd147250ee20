/** How attend.wgsl spreads its work for one model: nothing here can change a bit of its results. */
import type { Params } from './specialise'

export interface AttendModel {
  heads: number
  kvHeads: number
  headDim: number
  kvF16: boolean
  blocksPerSequence: number
}

export interface AttendVariant {
  /** Most rows of a tile. */
  rows: number
  /** A workgroup takes all splits and folds them itself. */
  walk: boolean
  /** Rows may have masks. */
  tree: boolean
  /** The tile's row is rotated and put into the cache first; with one row, walk and no tree. */
  append?: boolean
}

export interface AttendShape {
  params: Params
  /** Of a workgroup: rows times heads. */
  queries: number
  /** Workgroups per KV head. */
  slices: number
  /** Floats of a workgroup's memory. */
  memory: number
}

const MAX_HEADS = 8
const MAX_QUERIES = 32
const SOFTWARE_QUERIES = 8
const MAX_THREADS = 256
const MAX_MEMORY_FLOATS = 4096
const SPAN = { chain: 64, tree: 96 }
const PART_HEAD = 4

/** 16-byte chunks of a head of K or V: the head padded to a multiple of 8 dimensions. */
export const chunksOf = ({ headDim, kvF16 }: Pick<AttendModel, 'headDim' | 'kvF16'>): number =>
  Math.ceil(headDim / 8) * (kvF16 ? 1 : 2)

/** Floats of one split of one row and head between attend and merge. */
export const partFloats = (model: Pick<AttendModel, 'headDim'>): number =>
  PART_HEAD + Math.ceil(model.headDim / 8) * 8

/**
 * Tile sizes that fit, ascending. In SwiftShader only the queries of one thread share a load: larger tiles would but
 * spread the work worse over its cores, and each size takes some 300 ms to compile.
 */
export function attendTiles(model: AttendModel, software: boolean): number[] {
  return [1, 2, 4, 8].filter(rows => {
    const shape = attendShape(model, { rows, walk: true, tree: true }, software)
    return shape && (!software || rows === 1 || shape.queries <= SOFTWARE_QUERIES)
  })
}

export function attendShape(
  model: AttendModel,
  variant: AttendVariant,
  software: boolean,
): AttendShape | undefined {
  const group = model.heads / model.kvHeads
  const single = { rows: 1, walk: true, tree: true }
  let slices = Math.ceil(group / MAX_HEADS)
  while (slices < group && !shapeOf(model, single, software, slices)) slices++
  return shapeOf(model, variant, software, slices)
}

function shapeOf(
  model: AttendModel,
  { rows, walk, tree, append = false }: AttendVariant,
  software: boolean,
  slices: number,
): AttendShape | undefined {
  const heads = Math.ceil(model.heads / model.kvHeads / slices)
  const queries = rows * heads
  const chunks = chunksOf(model)
  const span = tree ? SPAN.tree : SPAN.chain
  // SwiftShader: a load costs as much as dozens of fma, a thread more still. GPUs want threads first.
  const positions = software ? 8 : 4
  const wanted = software ? SOFTWARE_QUERIES : Math.max(1, Math.min(4, Math.floor(queries / 4)))
  const scores = queriesPerThread(rows, heads, wanted)
  const fewest = Math.ceil((queries * chunks) / MAX_THREADS)
  const values = queriesPerThread(rows, heads, Math.max(wanted, fewest))
  const threads = Math.max(
    ((span / positions) * queries) / (scores.rows * scores.heads),
    (chunks * queries) / (values.rows * values.heads),
    queries,
  )
  const memory = queries * (span + span / positions + 1)
  if (queries > MAX_QUERIES || threads > MAX_THREADS) return undefined
  if (!software && memory > MAX_MEMORY_FLOATS) return undefined
  return {
    queries,
    slices,
    memory,
    params: {
      ...modelParams(model),
      WALK: walk,
      TREE: tree,
      // Words of what is written to are single ones.
      ...(append ? { Q_QUADS: false } : {}),
      SPAN: span,
      ROWS: rows,
      HEADS: heads,
      POSITIONS: positions,
      SCORE_ROWS: scores.rows,
      SCORE_HEADS: scores.heads,
      VALUE_ROWS: values.rows,
      VALUE_HEADS: values.heads,
      UNROLLED: software ? 2 : 4,
      WORKGROUP: threads,
      IN_STORAGE: software,
    },
  }
}

function modelParams({ heads, kvHeads, headDim, kvF16, blocksPerSequence }: AttendModel): Params {
  const quads = headDim % 4 === 0
  return {
    KV_F16: kvF16,
    HEAD_DIM: headDim,
    CHUNKS: chunksOf({ headDim, kvF16 }),
    QUADS: kvF16 ? 2 : 1,
    Q_QUADS: quads,
    Q_WORD: quads ? 'vec4<f32>' : 'f32',
    GROUP: heads / kvHeads,
    BLOCKS_PER_SEQUENCE: blocksPerSequence,
  }
}

/** Rows (a power of two, like `rows`) and heads (a divisor) whose product comes close to `wanted` from below. */
function queriesPerThread(rows: number, heads: number, wanted: number): { rows: number; heads: number } {
  const divisors = Array.from({ length: heads }, (_, i) => heads - i).filter(n => heads % n === 0)
  const ofHeads = divisors.find(n => n <= wanted) ?? 1
  return { rows: Math.min(rows, 2 ** Math.floor(Math.log2(wanted / ofHeads))), heads: ofHeads }
}

/** Threads of merge.wgsl: a quad of dimensions each, for as many heads as make up some 64. */
export function mergeParams({ headDim }: Pick<AttendModel, 'headDim'>): Params & { HEADS: number } {
  const quads = Math.ceil(headDim / 8) * 2
  return { HEAD_DIM: headDim, QUADS: quads, HEADS: Math.max(1, Math.floor(64 / quads)) }
}
