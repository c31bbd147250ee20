/** Compares what the target sampled with what was drafted, and commits the verdicts: accept.wgsl. */
import {
  NUM_VERDICTS,
  PATH_AT,
  PENALISED,
  RESULT_WORDS,
  ROW_WORDS,
  ROWS_AT,
  SAMPLE_WORDS,
  SAMPLES_AT,
  VERDICT_WORDS,
  VERDICTS_AT,
} from './step'

/** Where a lookup found nothing. */
export const NONE = 0xffffffff

export function accept(
  step: Uint32Array,
  sampled: Uint32Array, // [samples]
  history: Uint32Array, // [sequences, context]
  verdicts: Uint32Array, // [sequences, RESULT_WORDS]
  counts: Uint32Array, // [sequences, vocab]
  lengths: Uint32Array, // [sequences]
  { context, vocab }: { context: number; vocab: number },
): void {
  for (let v = 0; v < step[NUM_VERDICTS]!; v++) {
    const record = step[VERDICTS_AT]! + v * VERDICT_WORDS
    const [sequence, length, firstSample, depth, stopWord] = step.subarray(record) as unknown as number[]
    const [numStops, isTree] = [stopWord! & 0xff, stopWord! > 0xff]
    const stops = step.subarray(record + 5, record + 5 + numStops)
    const sample = step[SAMPLES_AT]! + firstSample! * SAMPLE_WORDS
    const parentOf = (node: number) => step[step[ROWS_AT]! + (step[sample]! + node) * ROW_WORDS + 6]!
    const isPenalised = (step[sample + 9]! & PENALISED) !== 0
    const result = sequence! * RESULT_WORDS

    const drafts = history.slice(sequence! * context + length!).subarray(0, depth)
    const numDrafted = drafts.includes(NONE) ? drafts.indexOf(NONE) : depth!
    const path: number[] = []
    const tokens: number[] = []
    let stopped = 0
    let node = 0
    let numAccepted = 0
    for (;;) {
      const token = sampled[firstSample! + node]!
      path.push(node)
      tokens.push(token)
      if (isPenalised) counts[sequence! * vocab + token]!++
      if (stops.includes(token)) stopped = 1
      const follows = (i: number) => (isTree ? parentOf(i + 1) === node : i === node)
      const next = drafts
        .subarray(0, numDrafted)
        .findIndex((draft, i) => draft === token && i >= node && follows(i))
      if (next >= 0) numAccepted++
      if (next < 0 || stopped) break
      node = next + 1
    }
    const numTokens = tokens.length
    history.set(tokens.slice(0, context - length!), sequence! * context + length!)
    verdicts.set(tokens, result + 4)
    if (isTree) new Uint8Array(verdicts.buffer, (result + PATH_AT) * 4).set(path)
    verdicts.set([numTokens, numAccepted, stopped, numDrafted], result)
    lengths[sequence!] = length! + numTokens
  }
}
