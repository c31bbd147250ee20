/** Log-probabilities with the texts of their tokens. */
import type { Tokenizer } from '@foretoken/tokenizer'
import type { LogProb, TokenLogProbs } from './log-probs'
import type { TokenLogprob, TokenLogprobs } from './types'

type Words = Pick<Tokenizer, 'decode' | 'tokenBytes' | 'tokenText'>

export function tokenLogprobs({ top, ...drawn }: TokenLogProbs, words: Words): TokenLogprobs {
  return { ...described(drawn, words), topLogprobs: top.map(other => described(other, words)) }
}

function described({ token, logProb: logprob }: LogProb, words: Words): TokenLogprob {
  const bytes = words.tokenBytes(token)
  // A control token writes nothing: its name is all there is to show.
  if (bytes.length === 0) return { token, text: words.tokenText(token), bytes: null, logprob }
  return { token, text: words.decode([token]), bytes: [...bytes], logprob }
}
