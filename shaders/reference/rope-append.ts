/** Biases or norms of heads, then q rotates in place and k on its way into the KV cache: rope-append.wgsl. */
import { type KvLayout, writeKv } from './kv-layout'
import { NUM_ROWS, rowAt } from './step'
import { fma } from './wgsl-builtins'

export interface RopeSizes extends KvLayout {
  heads: number
  /** Leading elements of a head that are rotated. */
  ropeDim: number
  stride: number
  /** Pairs (i, i + ropeDim / 2) and not (2i, 2i + 1). */
  neox: boolean
  /** A layer without positions where false. */
  rotates?: boolean
  /** [q bias | k bias | v bias]. */
  qkvBias?: Float32Array
  /** [q norm | k norm] of `headDim` each. */
  qkNorm?: { weights: Float32Array; epsilon: number }
}

export function ropeAppend(
  step: Uint32Array,
  table: Float32Array, // [context, ropeDim / 2] cos, sin
  qkv: Float32Array, // [rows, q heads | k heads | v heads]
  kv: Uint32Array,
  sizes: RopeSizes,
): void {
  const { heads, kvHeads, headDim, stride, qkvBias, qkNorm } = sizes
  for (let r = 0; r < step[NUM_ROWS]!; r++) {
    const row = rowAt(step, r)
    const head = (i: number) => qkv.subarray(r * stride + i * headDim, r * stride + (i + 1) * headDim)
    for (const [i, bias] of qkvBias?.entries() ?? []) qkv[r * stride + i]! += bias
    for (let i = 0; qkNorm && i < heads + kvHeads; i++) {
      const weights = qkNorm.weights.subarray(i < heads ? 0 : headDim, i < heads ? headDim : 2 * headDim)
      normalise(head(i), weights, qkNorm.epsilon)
    }
    for (let i = 0; i < heads; i++) head(i).set(rotated(head(i), table, row.position, sizes))
    for (let i = 0; i < kvHeads; i++) {
      writeKv(kv, sizes, 'k', row.slot, i, rotated(head(heads + i), table, row.position, sizes))
      writeKv(kv, sizes, 'v', row.slot, i, head(heads + kvHeads + i))
    }
  }
}

function normalise(head: Float32Array, weights: Float32Array, epsilon: number): void {
  const sum = head.reduce((sum, value) => fma(value, value, sum), 0)
  const scale = Math.fround(1 / Math.sqrt(sum / head.length + epsilon))
  for (const [i, value] of head.entries()) head[i] = Math.fround(value * scale) * weights[i]!
}

function rotated(
  head: Float32Array,
  table: Float32Array,
  position: number,
  { ropeDim, neox, rotates = true }: RopeSizes,
): Float32Array {
  if (!rotates) return head
  const half = ropeDim / 2
  const out = head.slice()
  for (let i = 0; i < half; i++) {
    const [first, second] = neox ? [i, i + half] : [2 * i, 2 * i + 1]
    const cos = table[2 * (position * half + i)]!
    const sin = table[2 * (position * half + i) + 1]!
    const a = head[first]!
    const b = head[second]!
    out[first] = fma(a, cos, -Math.fround(b * sin))
    out[second] = fma(b, cos, Math.fround(a * sin))
  }
  return out
}
