/**
 * out[row, head] = softmax(q · K / sqrt(headDim)) · V over positions 0 .. row.position of the row's sequence, split
 * by split as in attend.wgsl.
 */
import { NUM_ROWS, rowAt } from './step'
import { fma, unpack2x16float } from './wgsl-builtins'

const BLOCK = 64
const LOWEST = -1e38

export interface AttendSizes {
  heads: number
  kvHeads: number
  headDim: number
  stride: number
  blocksPerSequence: number
  /** Two f16 per word of kv. */
  kvF16: boolean
}

export function attend(
  step: Uint32Array,
  q: Float32Array, // [rows, stride]
  kv: Float32Array | Uint32Array, // [blocks, k|v, kvHeads, BLOCK, headDim]
  blocks: Uint32Array, // [sequences, blocksPerSequence]
  out: Float32Array, // [rows, stride]
  { heads, kvHeads, headDim, stride, blocksPerSequence, kvF16 }: AttendSizes,
): void {
  const load = (at: number) => (kvF16 ? unpack2x16float(kv[at >> 1]!)[at & 1]! : kv[at]!)
  const f32 = Math.fround
  for (let r = 0; r < step[NUM_ROWS]!; r++) {
    const row = rowAt(step, r)
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads))
      const at = r * stride + head * headDim
      let runningMax = LOWEST
      let runningSum = 0
      const value = new Float32Array(headDim)

      for (let start = 0; start <= row.position; start += BLOCK) {
        const block = blocks[row.sequence * blocksPerSequence + start / BLOCK]!
        const kAt = (block * 2 * kvHeads + kvHead) * BLOCK * headDim
        const vAt = kAt + kvHeads * BLOCK * headDim
        const length = Math.min(BLOCK, row.position - start + 1)

        const score = new Float32Array(length)
        for (let p = 0; p < length; p++) {
          let dot = 0
          for (let i = 0; i < headDim; i++) dot = fma(q[at + i]!, load(kAt + p * headDim + i), dot)
          score[p] = dot * f32(1 / Math.sqrt(headDim))
        }
        const splitMax = Math.max(...score)
        const weight = score.map(s => Math.exp(f32(s - splitMax)))
        const splitSum = weight.reduce((sum, w) => f32(sum + w), 0)

        const newMax = Math.max(runningMax, splitMax)
        const keep = f32(Math.exp(f32(runningMax - newMax)))
        const add = f32(Math.exp(f32(splitMax - newMax)))
        runningSum = fma(splitSum, add, f32(runningSum * keep))
        runningMax = newMax
        for (let i = 0; i < headDim; i++) {
          let sum = 0
          for (let p = 0; p < length; p++) sum = fma(weight[p]!, load(vAt + p * headDim + i), sum)
          value[i] = fma(sum, add, f32(value[i]! * keep))
        }
      }
      for (let i = 0; i < headDim; i++) out[at + i] = value[i]! / runningSum
    }
  }
}
