/** Rotates q in place and k on its way into the KV cache; v goes along unchanged: rope-append.wgsl. */
import { NUM_ROWS, rowAt } from './step'
import { fma, pack2x16float } from './wgsl-builtins'

const BLOCK = 64

export interface RopeSizes {
  heads: number
  kvHeads: number
  headDim: number
  /** Leading elements of a head that are rotated. */
  ropeDim: number
  qStride: number
  kvStride: number
  /** Pairs (i, i + ropeDim / 2) and not (2i, 2i + 1). */
  neox: boolean
  /** Two f16 per word of kv. */
  kvF16: boolean
}

export function ropeAppend(
  step: Uint32Array,
  table: Float32Array, // [context, ropeDim / 2] cos, sin
  q: Float32Array, // [rows, qStride]
  k: Float32Array, // [rows, kvStride]
  v: Float32Array, // [rows, kvStride]
  kv: Float32Array | Uint32Array, // [blocks, k|v, kvHeads, BLOCK, headDim]
  sizes: RopeSizes,
): void {
  const { heads, kvHeads, headDim, qStride, kvStride } = sizes
  const store = (at: number, first: number, second: number) => {
    if (sizes.kvF16) kv[at / 2] = pack2x16float(first, second)
    else kv.set([first, second], at)
  }
  for (let r = 0; r < step[NUM_ROWS]!; r++) {
    const row = rowAt(step, r)
    for (let head = 0; head < heads; head++) {
      const at = r * qStride + head * headDim
      q.set(rotated(q.subarray(at, at + headDim), table, row.position, sizes), at)
    }

    const block = Math.floor(row.slot / BLOCK)
    for (let head = 0; head < kvHeads; head++) {
      const at = r * kvStride + head * headDim
      const kHead = rotated(k.subarray(at, at + headDim), table, row.position, sizes)
      for (let i = 0; i < headDim; i += 2) {
        const kAt = ((block * 2 * kvHeads + head) * BLOCK + (row.slot % BLOCK)) * headDim + i
        const vAt = kAt + kvHeads * BLOCK * headDim
        store(kAt, kHead[i]!, kHead[i + 1]!)
        store(vAt, v[at + i]!, v[at + i + 1]!)
      }
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
