/** Rotates q in place and k on its way into the KV cache; v goes along unchanged: rope-append.wgsl. */
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
}

export function ropeAppend(
  step: Uint32Array,
  table: Float32Array, // [context, ropeDim / 2] cos, sin
  qkv: Float32Array, // [rows, q heads | k heads | v heads]
  kv: Uint32Array,
  sizes: RopeSizes,
): void {
  const { heads, kvHeads, headDim, stride } = sizes
  for (let r = 0; r < step[NUM_ROWS]!; r++) {
    const row = rowAt(step, r)
    const head = (i: number) => qkv.subarray(r * stride + i * headDim, r * stride + (i + 1) * headDim)
    for (let i = 0; i < heads; i++) head(i).set(rotated(head(i), table, row.position, sizes))
    for (let i = 0; i < kvHeads; i++) {
      writeKv(kv, sizes, 'k', row.slot, i, rotated(head(heads + i), table, row.position, sizes))
      writeKv(kv, sizes, 'v', row.slot, i, head(heads + kvHeads + i))
    }
  }
}

function rotated(
  head: Float32Array,
  table: Float32Array,
  position: number,
  { ropeDim, neox }: RopeSizes,
): Float32Array {
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
