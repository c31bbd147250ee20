/** Logit bias and penalties of a request as shaders/adjust-logits.wgsl and shaders/accept.wgsl read them. */
import type { Pass, Sampling, Sequence } from '@foretoken/scheduler'

/** Pairs of id and bias that a request may have. */
export const MAX_BIASES = 300
/** Repetition, presence, frequency, number of biases, then pairs of token and bias. */
export const ADJUSTMENT_WORDS = 4 + 2 * MAX_BIASES

/** Flags of a sample. */
export const BIASED = 1
export const PENALISED = 2

/** In a token's count: it stands in the prompt. The other bits count it in the output. */
const IN_PROMPT = 0x80000000
const neutral = { repetition: 1, presence: 0, frequency: 0 }

export function adjustmentFlags({ logitBias, penalties }: Sampling): number {
  return (logitBias ? BIASED : 0) | (penalties ? PENALISED : 0)
}

/** Whether any sample of the pass needs its logits adjusted. */
export function adjustsLogits({ samples }: Pass): boolean {
  return samples.some(({ sequence }) => adjustmentFlags(sequence.request.sampling) !== 0)
}

/** At most ADJUSTMENT_WORDS words. */
export function adjustmentWords({ penalties = neutral, logitBias = [] }: Sampling): Uint32Array {
  const words = new Uint32Array(4 + 2 * logitBias.length)
  const floats = new Float32Array(words.buffer)
  floats.set([penalties.repetition, penalties.presence, penalties.frequency])
  words[3] = logitBias.length
  for (const [i, [token, bias]] of logitBias.entries()) {
    words[4 + 2 * i] = token
    floats[5 + 2 * i] = bias
  }
  return words
}

/** Per id, what the tokens so far say of it; from here on the GPU counts. */
export function tokenCounts({ tokens, promptLength }: Sequence, vocab: number): Uint32Array {
  const counts = new Uint32Array(vocab)
  tokens.forEach((token, position) => {
    if (position < promptLength) counts[token] = IN_PROMPT
    else counts[token]!++
  })
  return counts
}
