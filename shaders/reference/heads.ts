/** Medusa heads, their products apart: keep-state.wgsl, head-input.wgsl, head-state.wgsl. */
import { silu } from './activation'
import {
  NUM_ROWS,
  NUM_SAMPLES,
  NUM_VERDICTS,
  PATH_AT,
  RESULT_WORDS,
  rowAt,
  SAMPLE_WORDS,
  SAMPLES_AT,
  VERDICT_WORDS,
  VERDICTS_AT,
} from './step'

/** The state that each sequence's last token was drawn from. */
export function keepState(
  step: Uint32Array,
  verdicts: Uint32Array, // [sequences, RESULT_WORDS]
  normed: Float32Array, // [samples, stride]
  states: Float32Array, // [sequences, stride]
  stride: number,
): void {
  for (let v = 0; v < step[NUM_VERDICTS]!; v++) {
    const record = step[VERDICTS_AT]! + v * VERDICT_WORDS
    const [sequence, , firstSample, , stopWord] = step.subarray(record) as unknown as number[]
    const result = sequence! * RESULT_WORDS
    const last = verdicts[result]! - 1
    const path = new Uint8Array(verdicts.buffer, verdicts.byteOffset + (result + PATH_AT) * 4)
    const sample = firstSample! + (stopWord! > 0xff ? path[last]! : last)
    states.set(normed.subarray(sample * stride, (sample + 1) * stride), sequence! * stride)
  }
}

export function headInput(
  step: Uint32Array,
  states: Float32Array, // [sequences, stride]
  x: Float32Array, // [rows, stride]
  stride: number,
): void {
  for (let row = 0; row < step[NUM_ROWS]!; row++) {
    const { sequence } = rowAt(step, row)
    x.set(states.subarray(sequence * stride, (sequence + 1) * stride), row * stride)
  }
}

/** h + silu(W h) of each sample's head. */
export function headState(
  step: Uint32Array,
  x: Float32Array, // [rows, stride]
  products: Float32Array, // [rows, heads, stride]
  y: Float32Array, // [samples, stride]
  stride: number,
  numHeads: number,
): void {
  for (let s = 0; s < step[NUM_SAMPLES]!; s++) {
    const record = step[SAMPLES_AT]! + s * SAMPLE_WORDS
    const row = step[record]!
    const head = (step[record + 8]! >> 16) & 0xff
    for (let i = 0; i < stride; i++) {
      y[s * stride + i] = x[row * stride + i]! + silu(products[(row * numHeads + head) * stride + i]!)
    }
  }
}
