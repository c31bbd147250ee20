/** Logits of a draft model of another vocabulary, by the target's ids: draft-logits.wgsl. */
import { NUM_SAMPLES } from './step'

/** Beside the id of a token that may be read in its place, never drawn. */
export const NO_TWIN = 0x80000000
const UNDRAWN = -1e30

export function draftLogits(
  step: Uint32Array,
  own: Float32Array, // [samples, ownStride]
  twins: Uint32Array, // [vocab]
  logits: Float32Array, // [samples, stride]
  { stride, ownStride }: { stride: number; ownStride: number },
): void {
  for (let s = 0; s < step[NUM_SAMPLES]!; s++) {
    for (const [token, twin] of twins.entries()) {
      logits[s * stride + token] = twin < NO_TWIN ? own[s * ownStride + twin]! : UNDRAWN
    }
  }
}
