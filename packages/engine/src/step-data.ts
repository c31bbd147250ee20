/**
 * The words that a step sends to the GPU: one section per pass, each at a multiple of 256 bytes so that it can be
 * bound by a dynamic offset. Kernels read them through shaders/step.wgsl.
 */
import { invariant } from '@foretoken/errors'
import type { Pass, Row, Step } from '@foretoken/scheduler'
import type { AttentionPlan } from './attention-plan'

const HEADER_WORDS = 8
const ROW_WORDS = 8
const TILE_WORDS = 5
const SAMPLE_WORDS = 12
const VERDICT_WORDS = 16
const ALIGN_WORDS = 64
export const MAX_END_IDS = VERDICT_WORDS - 5

/** At worst each row is a tile of its own. */
const sectionWords = (rows: number, samples: number, verdicts: number): number => {
  const records = rows * (ROW_WORDS + TILE_WORDS) + samples * SAMPLE_WORDS + verdicts * VERDICT_WORDS
  return Math.ceil((HEADER_WORDS + records) / ALIGN_WORDS) * ALIGN_WORDS
}

export class StepData {
  /** What a kernel sees of the buffer: a whole section, whatever its size. */
  readonly bindingBytes: number
  readonly bufferBytes: number
  readonly #words: Uint32Array<ArrayBuffer>
  readonly #floats: Float32Array<ArrayBuffer>

  constructor(maxRows: number, maxSamples: number, maxConcurrent: number, maxDraftPasses: number) {
    const whole = sectionWords(maxRows, maxSamples, maxConcurrent)
    const small = sectionWords(maxConcurrent, maxConcurrent, 0)
    const catchUp = sectionWords(maxRows, maxConcurrent, 0)
    this.bindingBytes = whole * 4
    // The last section's binding may reach past its own end.
    this.bufferBytes = (catchUp + (maxDraftPasses - 1) * small + 2 * whole) * 4
    this.#words = new Uint32Array(this.bufferBytes / 4)
    this.#floats = new Float32Array(this.#words.buffer)
  }

  /** Encodes all passes. Returns the words used and where each section begins, in bytes, draft passes first. */
  encode(
    step: Step,
    plans: readonly AttentionPlan[],
  ): { words: Uint32Array<ArrayBuffer>; offsets: number[] } {
    let at = 0
    const offsets: number[] = []
    for (const [i, pass] of [...step.draftPasses, step.targetPass].entries()) {
      offsets.push(at * 4)
      this.#encodePass(pass, at, pass !== step.targetPass, plans[i]!)
      at += sectionWords(pass.rows.length, pass.samples.length, pass.verdicts.length)
    }
    invariant(at * 4 + this.bindingBytes <= this.bufferBytes, () => `step data of ${at * 4} bytes overflow`)
    return { words: this.#words.subarray(0, at), offsets }
  }

  #encodePass(pass: Pass, start: number, draft: boolean, { tiles }: AttentionPlan): void {
    const words = this.#words
    const rowsAt = HEADER_WORDS
    const samplesAt = rowsAt + pass.rows.length * ROW_WORDS
    const verdictsAt = samplesAt + pass.samples.length * SAMPLE_WORDS
    const tilesAt = verdictsAt + pass.verdicts.length * VERDICT_WORDS
    const counts = [pass.rows.length, pass.samples.length, pass.verdicts.length]
    words.set([...counts, rowsAt, samplesAt, verdictsAt, tiles.length, tilesAt], start)
    pass.rows.forEach((row, i) => {
      words.set(rowWords(row), start + rowsAt + i * ROW_WORDS)
    })
    tiles.forEach(({ first, rows, splits, end, nodesFrom }, i) => {
      words.set([first, rows, splits, end, nodesFrom], start + tilesAt + i * TILE_WORDS)
    })
    pass.samples.forEach(({ row, sequence, position }, i) => {
      const at = start + samplesAt + i * SAMPLE_WORDS
      const { temperature, topK, topP, minP, seed } = sequence.request.sampling
      words.set([row, sequence.index, position, 0, topK, 0, 0, seed, draft ? 1 : 0], at)
      this.#floats[at + 3] = temperature
      this.#floats[at + 5] = topP
      this.#floats[at + 6] = minP
    })
    pass.verdicts.forEach(({ sequence, length, firstSample, depth }, i) => {
      const { endIds } = sequence.request
      const at = start + verdictsAt + i * VERDICT_WORDS
      words.set([sequence.index, length, firstSample, depth, endIds.length, ...endIds], at)
    })
  }
}

/** A row outside trees sees all positions up to its own: base just beyond it and no nodes. */
function rowWords({ sequence, position, slot = position, tokenAt = position, tree }: Row): number[] {
  const { base, mask } = tree ?? { base: position + 1, mask: 0 }
  return [sequence.index, position, sequence.slotOf(slot), tokenAt, base, mask, 0, 0]
}
