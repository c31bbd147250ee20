/** OpenAI's chat completions on top of `generate`. */
import type { GenerateOptions, TokenBatch, TokenLogprobs, Usage } from '@foretoken/engine/types'
import { chatLogprobs } from './chat-logprobs.ts'
import { inRequestNames, toGenerateOptions } from './chat-request.ts'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatCompletions,
  CompletionUsage,
} from './types.ts'

type Generate = (options: GenerateOptions) => AsyncGenerator<TokenBatch, void, void>
type ChunkChoice = ChatCompletionChunk['choices'][number]

export function chatCompletions(model: string, generate: Generate): ChatCompletions {
  function create(
    request: ChatCompletionRequest & { stream: true },
  ): Promise<AsyncIterable<ChatCompletionChunk>>
  function create(request: ChatCompletionRequest & { stream?: false }): Promise<ChatCompletion>
  async function create(
    request: ChatCompletionRequest,
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>> {
    const batches = named(generate(toGenerateOptions(request, model)), request)
    if (!request.stream) return complete(batches, model, request.logprobs ?? false)
    return chunks(batches, model, request.stream_options?.include_usage ?? false)
  }
  return { create }
}

/** The batches; an error speaks of the request's own names. */
async function* named(
  batches: AsyncIterable<TokenBatch>,
  request: ChatCompletionRequest,
): AsyncGenerator<TokenBatch, void, void> {
  try {
    yield* batches
  } catch (error) {
    throw inRequestNames(error, request)
  }
}

async function complete(
  batches: AsyncIterable<TokenBatch>,
  model: string,
  wantsLogprobs: boolean,
): Promise<ChatCompletion> {
  let content = ''
  const logprobs: TokenLogprobs[] = []
  let last: TokenBatch | undefined
  for await (const batch of batches) {
    content += batch.text
    logprobs.push(...(batch.logprobs ?? []))
    last = batch
  }
  return {
    ...completionHead(model),
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content },
        logprobs: wantsLogprobs ? chatLogprobs(logprobs) : null,
        finish_reason: last?.finishReason ?? 'stop',
      },
    ],
    usage: completionUsage(last?.usage),
  }
}

/** The role, then one chunk per batch, then the reason, then the usage if it was asked for. */
async function* chunks(
  batches: AsyncIterable<TokenBatch>,
  model: string,
  includeUsage: boolean,
): AsyncGenerator<ChatCompletionChunk, void, void> {
  const head = { ...completionHead(model), object: 'chat.completion.chunk' as const }
  const chunk = (delta: ChunkChoice['delta'], others: Partial<ChunkChoice> = {}): ChatCompletionChunk => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason: null, ...others }],
    ...(includeUsage ? { usage: null } : {}),
  })
  let last: TokenBatch | undefined
  yield chunk({ role: 'assistant', content: '' })
  for await (const batch of batches) {
    yield chunk({ content: batch.text }, batch.logprobs ? { logprobs: chatLogprobs(batch.logprobs) } : {})
    last = batch
  }
  yield chunk({}, { finish_reason: last?.finishReason ?? 'stop' })
  if (includeUsage) yield { ...head, choices: [], usage: completionUsage(last?.usage) }
}

function completionHead(model: string): { id: string; created: number; model: string } {
  return { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000), model }
}

function completionUsage(usage: Usage | undefined): CompletionUsage {
  const { promptTokens = 0, completionTokens = 0, acceptedTokens = 0, rejectedTokens = 0 } = usage ?? {}
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens_details: {
      accepted_prediction_tokens: acceptedTokens,
      rejected_prediction_tokens: rejectedTokens,
    },
  }
}
