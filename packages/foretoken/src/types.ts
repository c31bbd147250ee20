/** The public surface of the package: types only. */
import type {
  ChatMessage,
  ChatTool,
  DraftAdvice,
  DraftCandidate,
  EngineStats,
  ForwardResult,
  GenerateOptions,
  Speculation,
  StepEvent,
  TokenBatch,
  Verification,
} from '@foretoken/engine/types'

/** OpenAI's request shape; `top_k`, `min_p` and `repetition_penalty` are vLLM's; `speculation`, `verification`, `policy` and `priority` are ours. */
export interface ChatCompletionRequest {
  messages: readonly ChatMessage[]
  /** The loaded model's name. May be left out: an engine has one model. */
  model?: string
  stream?: boolean
  stream_options?: { include_usage?: boolean }
  /** Default: up to the end of the context. */
  max_tokens?: number
  max_completion_tokens?: number
  /** Default 1, as OpenAI's; `generate` has 0. */
  temperature?: number
  top_p?: number
  top_k?: number
  min_p?: number
  seed?: number
  presence_penalty?: number
  frequency_penalty?: number
  repetition_penalty?: number
  /** By token id, -100 to 100. */
  logit_bias?: Readonly<Record<string, number>>
  /** Of the model's own logits, whatever the options of sampling. */
  logprobs?: boolean
  top_logprobs?: number
  stop?: string | readonly string[]
  speculation?: Speculation
  verification?: Verification
  policy?: GenerateOptions['policy']
  /** Choices, 1 to 32; choice i is drawn with the seed `seed + i`. */
  n?: number
  /** -100 to 100, higher goes first (vLLM's is the other way round). */
  priority?: number
  /** Needs the engine's `grammars`. `strict` (default true): nothing that the schema does not mention. */
  response_format?:
    | { type: 'text' }
    | { type: 'json_object' }
    | {
        type: 'json_schema'
        json_schema: {
          schema: Readonly<Record<string, unknown>>
          strict?: boolean
          name?: string
          description?: string
        }
      }
  /** Ours: a regular expression, EBNF, or what response_format says. */
  grammar?: GenerateOptions['grammar']
  /** Functions that the chat template tells the model of. */
  tools?: readonly ChatTool[]
  /**
   * 'auto', the default: a call comes back as the text the model writes. 'required' or a function: the answer is a call, in
   * `tool_calls`; needs the engine's `grammars`.
   */
  tool_choice?: 'none' | 'auto' | 'required' | { type: 'function'; function: { name: string } }
  signal?: AbortSignal
}

export interface CompletionUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  /** Of the prompt: tokens whose keys and values were there already. */
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { accepted_prediction_tokens: number; rejected_prediction_tokens: number }
}

export interface ChatTokenLogprob {
  token: string
  logprob: number
  bytes: number[] | null
}

export interface ChatLogprobs {
  content: Array<ChatTokenLogprob & { top_logprobs: ChatTokenLogprob[] }>
  refusal: null
}

export interface CalledFunction {
  id: string
  type: 'function'
  /** `arguments`: JSON. */
  function: { name: string; arguments: string }
}

/** The first has id, type and name; the `arguments` of all, joined, are the call's. */
export interface ChatToolCallDelta {
  index: number
  id?: string
  type?: 'function'
  function: { name?: string; arguments: string }
}

export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  created: number
  model: string
  choices: Array<{
    index: number
    /** `content` is null where the answer is a call that tool_choice forced. */
    message: { role: 'assistant'; content: string | null; tool_calls?: CalledFunction[] }
    logprobs: ChatLogprobs | null
    finish_reason: 'stop' | 'length' | 'tool_calls'
  }>
  usage: CompletionUsage
}

export interface ChatCompletionChunk {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  choices: Array<{
    index: number
    delta: { role?: 'assistant'; content?: string | null; tool_calls?: ChatToolCallDelta[] }
    /** Of the tokens of this chunk, if they were asked for. */
    logprobs?: ChatLogprobs
    finish_reason: 'stop' | 'length' | 'tool_calls' | null
  }>
  usage?: CompletionUsage | null
}

export interface ChatCompletions {
  create(request: ChatCompletionRequest & { stream: true }): Promise<AsyncIterable<ChatCompletionChunk>>
  create(request: ChatCompletionRequest & { stream?: false }): Promise<ChatCompletion>
}

/** An engine in a Web Worker. */
export interface Engine {
  readonly chat: { readonly completions: ChatCompletions }
  /** Batches as they are committed. Leaving the loop aborts the request. */
  generate(options: GenerateOptions): AsyncGenerator<TokenBatch, void, void>
  /** Ids of a text, with BOS as the model says. */
  tokenize(text: string): Promise<number[]>
  /** Logits at all positions. */
  forward(tokens: readonly number[]): Promise<ForwardResult>
  stats(): Promise<EngineStats>
  /**
   * Which draft model pays on this device, the fastest first: TAR / (n * t_draft + t_target) at the best n of each (Yan et
   * al., 2402.01528). Of those loaded by what has been measured of them, and of `candidates` by what is told of them.
   */
  adviseDraft(candidates?: readonly DraftCandidate[]): Promise<DraftAdvice[]>
  /**
   * What every step does from now on, for all requests, until the signal fires or the loop is left. Nothing is told while
   * nobody listens.
   */
  steps(options?: { signal?: AbortSignal }): AsyncGenerator<StepEvent, void, void>
  /** Forgets what the n-gram cache has learned, in memory and in the browser's store. */
  clearNgramCache(): Promise<void>
  /** Ends all requests with `aborted`, frees the GPU and the worker. */
  dispose(): Promise<void>
}
