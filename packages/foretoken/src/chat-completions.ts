/** OpenAI's chat completions on top of `generate`. */
import type { FinishReason, GenerateOptions, TokenBatch, TokenLogprobs, Usage } from '@foretoken/engine/types'
import { chatLogprobs } from './chat-logprobs.ts'
import { inRequestNames, toGenerateOptions } from './chat-request.ts'
import { CallStream, calledFunction, type ForcedCall, forcedCall } from './tool-call.ts'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatCompletions,
  CompletionUsage,
} from './types.ts'

type Generate = (options: GenerateOptions) => AsyncGenerator<TokenBatch, void, void>
type ChatMessageOut = ChatCompletion['choices'][number]['message']
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
    const call = forcedCall(request)
    if (!request.stream) return complete(batches, model, request.logprobs ?? false, call)
    return chunks(batches, model, request.stream_options?.include_usage ?? false, call)
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
  call: ForcedCall | undefined,
): Promise<ChatCompletion> {
  const samples: Sample[] = []
  for await (const batch of batches) {
    samples[batch.index] ??= { content: '', logprobs: [], last: batch }
    const sample = samples[batch.index]!
    sample.content += batch.text
    sample.logprobs.push(...(batch.logprobs ?? []))
    sample.last = batch
  }
  return {
    ...completionHead(model),
    object: 'chat.completion',
    choices: samples.map(({ content, logprobs, last }, index) => ({
      index,
      message: messageOf(content, call),
      logprobs: wantsLogprobs ? chatLogprobs(logprobs) : null,
      finish_reason: reasonOf(last.finishReason ?? 'stop', call),
    })),
    usage: completionUsage(samples.map(({ last }) => last.usage)),
  }
}

function messageOf(content: string, call: ForcedCall | undefined): ChatMessageOut {
  const called = call && calledFunction(call, content)
  if (!called) return { role: 'assistant', content }
  return { role: 'assistant', content: null, tool_calls: [called] }
}

const reasonOf = (reason: FinishReason, call: ForcedCall | undefined): FinishReason | 'tool_calls' =>
  call && reason === 'stop' ? 'tool_calls' : reason

interface Sample {
  content: string
  logprobs: TokenLogprobs[]
  last: TokenBatch
}

/** Of each sample the role, then a chunk per batch, then the reason; at the end the usage if it was asked for. */
async function* chunks(
  batches: AsyncIterable<TokenBatch>,
  model: string,
  includeUsage: boolean,
  call: ForcedCall | undefined,
): AsyncGenerator<ChatCompletionChunk, void, void> {
  const head = { ...completionHead(model), object: 'chat.completion.chunk' as const }
  const chunk = (
    index: number,
    delta: ChunkChoice['delta'],
    others: Partial<ChunkChoice> = {},
  ): ChatCompletionChunk => ({
    ...head,
    choices: [{ index, delta, finish_reason: null, ...others }],
    ...(includeUsage ? { usage: null } : {}),
  })
  const usages: Array<Usage | undefined> = []
  const calls: CallStream[] = []
  for await (const batch of batches) {
    const { index, text, logprobs, finishReason, usage } = batch
    if (call) calls[index] ??= new CallStream(call)
    const stream = calls[index]
    if (!(index in usages)) yield chunk(index, stream ? stream.begin() : { role: 'assistant', content: '' })
    const delta = stream ? stream.push(batch) : { content: text }
    yield chunk(index, delta, logprobs ? { logprobs: chatLogprobs(logprobs) } : {})
    if (finishReason) yield chunk(index, {}, { finish_reason: reasonOf(finishReason, call) })
    usages[index] = usage
  }
  if (includeUsage) yield { ...head, choices: [], usage: completionUsage(usages) }
}

function completionHead(model: string): { id: string; created: number; model: string } {
  return { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000), model }
}

/** The prompt, which is the same for all samples, and all that was generated. */
function completionUsage(usages: ReadonlyArray<Usage | undefined>): CompletionUsage {
  const sum = (of: (usage: Usage) => number): number =>
    usages.reduce((total, usage) => total + (usage ? of(usage) : 0), 0)
  const promptTokens = usages[0]?.promptTokens ?? 0
  const completionTokens = sum(usage => usage.completionTokens)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: usages[0]?.cachedTokens ?? 0 },
    completion_tokens_details: {
      accepted_prediction_tokens: sum(usage => usage.acceptedTokens),
      rejected_prediction_tokens: sum(usage => usage.rejectedTokens),
    },
  }
}
