/**
 * out[row, head] = softmax(q · K / sqrt(headDim)) · V over the slots that the row sees, split by split: attend.wgsl.
 * A split is 64 positions; inside it the committed slots come first, then the row's nodes of a draft tree.
 */
import { softCap } from './activation'
import { BLOCK, chunksPerHead, type KvLayout, readKv } from './kv-layout'
import { NUM_ROWS, type Row, rowAt } from './step'
import { fma } from './wgsl-builtins'

const LOWEST = -1e38
const PART_HEAD = 4
const f32 = Math.fround

export interface AttendSizes extends KvLayout {
  heads: number
  /** Of q. */
  stride: number
  outStride: number
  blocksPerSequence: number
  /** A row sees the last so many positions; 0: all. */
  window?: number
  /** Of scores; 0: none. */
  scoreCap?: number
}

export interface AttendInputs {
  step: Uint32Array
  q: Float32Array // [rows, stride], q heads first
  kv: Uint32Array
  blocks: Uint32Array // [sequences, blocksPerSequence]
}

/** A split of one row and head. */
interface Part {
  top: number
  sum: number
  values: Float32Array
}

/** Floats of one part in the scratch buffer between attend and merge. */
export const partFloats = (sizes: KvLayout) => PART_HEAD + chunksPerHead(sizes) * (sizes.kvF16 ? 8 : 4)

/** As one workgroup that takes all splits. */
export function attend(inputs: AttendInputs, out: Float32Array, sizes: AttendSizes): void {
  for (let r = 0; r < inputs.step[NUM_ROWS]!; r++) {
    const row = rowAt(inputs.step, r)
    for (let head = 0; head < sizes.heads; head++) {
      const parts = splitsOf(row, sizes).map(split => partOf(inputs, sizes, r, head, split))
      out.set(foldParts(parts).subarray(0, sizes.headDim), r * sizes.outStride + head * sizes.headDim)
    }
  }
}

/** [split, row, head, part]; splits that a row does not reach are left alone. */
export function attendParts(inputs: AttendInputs, parts: Float32Array, sizes: AttendSizes): void {
  const numRows = inputs.step[NUM_ROWS]!
  for (let r = 0; r < numRows; r++) {
    for (const split of splitsOf(rowAt(inputs.step, r), sizes)) {
      for (let head = 0; head < sizes.heads; head++) {
        const { top, sum, values } = partOf(inputs, sizes, r, head, split)
        parts.set(
          [top, sum, 0, 0, ...values],
          ((split * numRows + r) * sizes.heads + head) * partFloats(sizes),
        )
      }
    }
  }
}

/** merge.wgsl */
export function merge(step: Uint32Array, parts: Float32Array, out: Float32Array, sizes: AttendSizes): void {
  const numRows = step[NUM_ROWS]!
  const floats = partFloats(sizes)
  for (let r = 0; r < numRows; r++) {
    for (let head = 0; head < sizes.heads; head++) {
      const own = splitsOf(rowAt(step, r), sizes).map(split => {
        const at = ((split * numRows + r) * sizes.heads + head) * floats
        return { top: parts[at]!, sum: parts[at + 1]!, values: parts.subarray(at + PART_HEAD, at + floats) }
      })
      out.set(foldParts(own).subarray(0, sizes.headDim), r * sizes.outStride + head * sizes.headDim)
    }
  }
}

/** The first position that a row sees. */
const firstSeen = ({ position }: Row, { window = 0 }: AttendSizes) =>
  window === 0 ? 0 : Math.max(0, position + 1 - window)

/** Those of which the row sees something, ascending. */
function splitsOf(row: Row, sizes: AttendSizes): number[] {
  const first = Math.floor(firstSeen(row, sizes) / BLOCK)
  const end = Math.floor(row.position / BLOCK) + 1
  return Array.from({ length: end - first }, (_, i) => first + i)
}

/** The slots of a split that the row sees, in the order of their positions. */
function seenSlots(row: Required<Row>, split: number, sizes: AttendSizes): number[] {
  const { position, tree } = row
  const { base, mask } = tree
  const [start, end] = [Math.max(split * BLOCK, firstSeen(row, sizes)), (split + 1) * BLOCK]
  const nodes = Array.from({ length: 32 }, (_, j) => j).filter(j => (mask >>> j) & 1)
  const slots = [...Array.from({ length: base }, (_, slot) => slot), ...nodes.map(j => base + j)]
  if (slots.length !== position + 1) throw new Error(`A row at ${position} sees ${slots.length} slots.`)
  return slots.slice(start, end)
}

function partOf(inputs: AttendInputs, sizes: AttendSizes, r: number, head: number, split: number): Part {
  const { step, q, kv, blocks } = inputs
  const { headDim, heads, kvHeads, stride, blocksPerSequence, scoreCap = 0 } = sizes
  const row = rowAt(step, r)
  const kvHead = Math.floor(head / (heads / kvHeads))
  const scale = f32(1 / Math.sqrt(headDim))
  const query = q.subarray(r * stride + head * headDim, r * stride + (head + 1) * headDim).map(x => x * scale)
  const slots = seenSlots(row, split, sizes).map(slot => {
    const block = blocks[row.sequence * blocksPerSequence + Math.floor(slot / BLOCK)]!
    return block * BLOCK + (slot % BLOCK)
  })
  const scores = slots.map(slot =>
    softCap(
      query.reduce((dot, x, dim) => fma(x, readKv(kv, sizes, 'k', slot, kvHead, dim), dot), 0),
      scoreCap,
    ),
  )
  const top = Math.max(...scores)
  const weights = scores.map(score => f32(Math.exp(f32(score - top))))
  const values = new Float32Array(partFloats(sizes) - PART_HEAD).map((_, dim) =>
    slots.reduce((sum, slot, i) => fma(weights[i]!, readKv(kv, sizes, 'v', slot, kvHead, dim), sum), 0),
  )
  return { top, sum: weights.reduce((sum, weight) => f32(sum + weight), 0), values }
}

/** In ascending order. */
function foldParts(parts: readonly Part[]): Float32Array {
  let top = LOWEST
  let total = 0
  let value = new Float32Array(parts[0]!.values.length)
  for (const part of parts) {
    const newTop = Math.max(top, part.top)
    const keep = f32(Math.exp(f32(top - newTop)))
    const add = f32(Math.exp(f32(part.top - newTop)))
    top = newTop
    total = fma(part.sum, add, f32(total * keep))
    value = value.map((v, i) => fma(part.values[i]!, add, f32(v * keep)))
  }
  return value.map(v => v / total)
}
