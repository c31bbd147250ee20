/**
 * The words that a step sends to the GPU: one section per pass, each at a multiple of 256 bytes so that it can be
 * bound by a dynamic offset. Kernels read them through shaders/step.wgsl.
 */
import { invariant } from '@foretoken/errors'
import {
  isDraftModel,
  MAX_DEPTH,
  type Pass,
  type Row,
  type Sample,
  type Sequence,
  type Step,
} from '@foretoken/scheduler'
import { adjustmentFlags } from './adjustments'
import type { AttentionPlan } from './attention-plan'
import { CONSTRAINED } from './token-masks'
import { verificationFlags } from './verification'

const HEADER_WORDS = 8
const ROW_WORDS = 8
const TILE_WORDS = 5
const SAMPLE_WORDS = 12
const VERDICT_WORDS = 16
const ALIGN_WORDS = 64
/** Added to the number of end ids of a tree's verdict. */
const TREE_VERDICT = 256
export const MAX_END_IDS = VERDICT_WORDS - 5
/** Of a position that the GPU fills in, in a step that is planned ahead: place.wgsl. */
const PLACE_WORDS = 3

/** At worst each row is a tile of its own. */
const sectionWords = (rows: number, samples: number, verdicts: number): number => {
  const records = rows * (ROW_WORDS + TILE_WORDS) + samples * SAMPLE_WORDS + verdicts * VERDICT_WORDS
  return Math.ceil((HEADER_WORDS + records) / ALIGN_WORDS) * ALIGN_WORDS
}

/** Positions that the GPU has to fill in if the step is planned ahead. */
export function numPlaces({ draftPasses, targetPass }: Step): number {
  return [...draftPasses, targetPass].reduce(
    (sum, { rows, samples, verdicts }) => sum + rows.length + 2 * samples.length + verdicts.length,
    0,
  )
}

/** What a step may hold at most. */
export interface StepSizes {
  maxRows: number
  maxSamples: number
  maxConcurrent: number
  numDrafts: number
  hasHeads: boolean
  trees: boolean
}

export interface EncodedStep {
  words: Uint32Array<ArrayBuffer>
  offsets: number[]
  places: Uint32Array<ArrayBuffer>
}

export class StepData {
  /** What a kernel sees of the buffer: a whole section, whatever its size. */
  readonly bindingBytes: number
  readonly bufferBytes: number
  readonly #words: Uint32Array<ArrayBuffer>
  readonly #floats: Float32Array<ArrayBuffer>
  readonly #places: Uint32Array<ArrayBuffer>

  constructor({ maxRows, maxSamples, maxConcurrent, numDrafts, hasHeads, trees }: StepSizes) {
    const whole = sectionWords(maxRows, maxSamples, maxConcurrent)
    const small = sectionWords(maxConcurrent, maxConcurrent, 0)
    const catchUp = sectionWords(maxRows, maxConcurrent, 0)
    const heads = hasHeads ? sectionWords(maxConcurrent, maxSamples, 0) : 0
    // The levels of all trees: each of their rows is one of the target's too.
    const levels = trees && numDrafts > 0 ? catchUp + sectionWords(maxSamples, maxSamples, 0) : 0
    this.bindingBytes = whole * 4
    // The last section's binding may reach past its own end.
    this.bufferBytes = (numDrafts * (catchUp + (MAX_DEPTH - 1) * small) + levels + 2 * heads + 2 * whole) * 4
    this.#words = new Uint32Array(this.bufferBytes / 4)
    this.#floats = new Float32Array(this.#words.buffer)
    // The target's rows are all sampled, the first draft pass may catch up, the others have a row per sequence.
    const chains = numDrafts * (maxRows + (3 * MAX_DEPTH - 1) * maxConcurrent)
    const others = (levels > 0 ? maxRows + 3 * maxSamples : 0) + 2 * (maxConcurrent + 2 * maxSamples)
    this.#places = new Uint32Array(1 + (3 * maxSamples + maxConcurrent + chains + others) * PLACE_WORDS)
  }

  /** Bytes of the list of positions that the GPU fills in. */
  get placesBytes(): number {
    return this.#places.byteLength
  }

  /**
   * Encodes all passes, with a plan of attention for each. Returns the words used, where each section begins, in bytes, draft passes first, and the words
   * of `places` for a step that is planned ahead.
   */
  encode(step: Step, plans: readonly AttentionPlan[]): EncodedStep {
    let at = 0
    const offsets: number[] = []
    this.#places[0] = 0
    for (const [i, pass] of [...step.draftPasses, step.targetPass].entries()) {
      offsets.push(at * 4)
      this.#encodePass(pass, at, plans[i]!, step)
      if (step.isAhead) this.#encodePlaces(pass, at)
      at += sectionWords(pass.rows.length, pass.samples.length, pass.verdicts.length)
    }
    invariant(at * 4 + this.bindingBytes <= this.bufferBytes, () => `step data of ${at * 4} bytes overflow`)
    const places = this.#places.subarray(0, 1 + this.#places[0]! * PLACE_WORDS)
    return { words: this.#words.subarray(0, at), offsets, places }
  }

  #encodePlaces({ rows, samples, verdicts }: Pass, start: number): void {
    const rowsAt = start + HEADER_WORDS
    const samplesAt = rowsAt + rows.length * ROW_WORDS
    const verdictsAt = samplesAt + samples.length * SAMPLE_WORDS
    const add = (at: number, { index }: Sequence, isRow = false): void =>
      this.#places.set([at, index, Number(isRow)], 1 + this.#places[0]!++ * PLACE_WORDS)
    rows.forEach(({ sequence }, i) => void add(rowsAt + i * ROW_WORDS + 1, sequence, true))
    samples.forEach(({ sequence }, i) => {
      add(samplesAt + i * SAMPLE_WORDS + 2, sequence)
      add(samplesAt + i * SAMPLE_WORDS + 10, sequence)
    })
    verdicts.forEach(({ sequence }, i) => void add(verdictsAt + i * VERDICT_WORDS + 1, sequence))
  }

  #encodePass(
    pass: Pass,
    start: number,
    { tiles }: AttentionPlan,
    { targetPass, isAhead, choices }: Step,
  ): void {
    const isDraft = pass !== targetPass
    const words = this.#words
    const rowsAt = HEADER_WORDS
    const samplesAt = rowsAt + pass.rows.length * ROW_WORDS
    const verdictsAt = samplesAt + pass.samples.length * SAMPLE_WORDS
    const tilesAt = verdictsAt + pass.verdicts.length * VERDICT_WORDS
    const counts = [pass.rows.length, pass.samples.length, pass.verdicts.length]
    words.set([...counts, rowsAt, samplesAt, verdictsAt, tiles.length, tilesAt], start)
    pass.rows.forEach((row, i) => void words.set(rowWords(row), start + rowsAt + i * ROW_WORDS))
    tiles.forEach(({ first, rows, splits, end, nodesFrom }, i) => {
      words.set([first, rows, splits, end, nodesFrom], start + tilesAt + i * TILE_WORDS)
    })
    pass.samples.forEach((sample, i) => {
      const { row, sequence, position, head } = sample
      const at = start + samplesAt + i * SAMPLE_WORDS
      const { sampling, logProbs, constraint } = sequence.request
      const { temperature, topK, topP, minP, seed } = sampling
      words.set([row, sequence.index, position, 0, topK, 0, 0, seed, isDraft ? leftWord(sample) : 0], at)
      const wanted = isDraft || logProbs === undefined ? 0 : 1 + logProbs
      const isDrawn = isDraftModel(choices.get(sequence)?.method ?? 'off')
      const masked = constraint && !isDraft ? CONSTRAINED : 0
      const flags = adjustmentFlags(sampling) | verificationFlags(sequence.request, isDrawn) | masked
      // Heads guess side by side: what those before them say is not there when they draw.
      const committed = head === undefined ? (isAhead ? 0 : sequence.length) : position
      words.set([flags, committed, wanted], at + 9)
      this.#floats[at + 3] = temperature
      this.#floats[at + 5] = topP
      this.#floats[at + 6] = minP
    })
    pass.verdicts.forEach(({ sequence, length, firstSample, depth, isTree }, i) => {
      const { endIds, verification } = sequence.request
      invariant(!isTree || !verification, () => `a tree judged by ${verification}`)
      const at = start + verdictsAt + i * VERDICT_WORDS
      const stopWord = endIds.length + (isTree ? TREE_VERDICT : 0)
      words.set([sequence.index, length, firstSample, depth, stopWord, ...endIds], at)
    })
  }
}

/** How many tokens a draft's sample leaves, how far behind its position the first of them stands, and its head. */
const leftWord = ({ children = { count: 1, skip: 0 }, head = 0 }: Sample): number =>
  children.count | (children.skip << 8) | (head << 16)

/** Sequence, position, slot, place of the token, what it sees (step.wgsl), and the node that a tree's row follows. */
function rowWords({ sequence, position, node }: Row): number[] {
  const at = node ? node.base + node.index : position
  // A position that the GPU fills in may count backwards.
  const slot = at < 0 ? 0 : sequence.slotOf(at)
  const sees = node ? [node.base, node.mask, node.parent] : [position + 1, 0, 0]
  return [sequence.index, position, slot, at, ...sees, 0]
}
