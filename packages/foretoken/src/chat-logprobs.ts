/** Log-probabilities in OpenAI's shape. */
import type { TokenLogprob, TokenLogprobs } from '@foretoken/engine/types'
import type { ChatLogprobs, ChatTokenLogprob } from './types.ts'

export function chatLogprobs(tokens: readonly TokenLogprobs[]): ChatLogprobs {
  const content = tokens.map(token => ({
    ...chatToken(token),
    top_logprobs: token.topLogprobs.map(chatToken),
  }))
  return { content, refusal: null }
}

const chatToken = ({ text, logprob, bytes }: TokenLogprob): ChatTokenLogprob => ({
  token: text,
  logprob,
  bytes,
})
