/** Compares what the target sampled with what was drafted, and commits the verdicts: accept.wgsl. */
import { NUM_VERDICTS, PENALISED, SAMPLE_WORDS, SAMPLES_AT, VERDICT_WORDS, VERDICTS_AT } from './step'

const RESULT_WORDS = 32 // number of tokens, accepted drafts, stopped, drafts, tokens
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
    const [sequence, length, firstSample, depth, numStops] = step.subarray(record)
    const stops = step.subarray(record + 5, record + 5 + numStops!)
    const flags = step[step[SAMPLES_AT]! + firstSample! * SAMPLE_WORDS + 9]!
    const result = sequence! * RESULT_WORDS

    const drafts = history.subarray(sequence! * context + length!).subarray(0, depth)
    const numDrafted = drafts.includes(NONE) ? drafts.indexOf(NONE) : depth!
    let numTokens = 0
    let numAccepted = 0
    let stopped = 0
    for (;;) {
      const token = sampled[firstSample! + numTokens]!
      const position = length! + numTokens
      const at = sequence! * context + position
      const matches = numTokens < numDrafted && history[at] === token
      if (position < context) history[at] = token
      if (flags & PENALISED) counts[sequence! * vocab + token]!++
      verdicts[result + 4 + numTokens] = token
      numTokens++
      if (matches) numAccepted++
      if (stops.includes(token)) stopped = 1
      if (!matches || stopped) break
    }
    verdicts.set([numTokens, numAccepted, stopped, numDrafted], result)
    lengths[sequence!] = length! + numTokens
  }
}
