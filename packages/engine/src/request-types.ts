/** Public types of requests and what they give: pure, safe for the main thread. */

import type { SpeculationCounters } from './stats-types'

/**
 * Who guesses: prompt lookup, the n-gram cache, the draft models, the heads; trees of lookup, the first draft model or
 * the heads; and the request's own grammar, where it leaves no choice.
 */
export type Drafter =
  | 'lookup'
  | 'cache'
  | 'draft'
  | 'draft-2'
  | 'draft-3'
  | 'heads'
  | 'lookup-tree'
  | 'draft-tree'
  | 'heads-tree'
  | 'grammar'

/**
 * `auto`: the controller decides at every step. A method with a depth (1..16) fixes both; heads guess no further than
 * there are heads. `draft`: which of several draft models, 0 if not said. Of a tree `depth` is the number of its nodes
 * (1..31), which grow where they are likeliest to be right, and `from` tells who guesses them: if it is not said, the
 * heads, the draft model or lookup, the first that is there.
 */
export type Speculation =
  | 'auto'
  | 'off'
  | { method: 'lookup' | 'cache' | 'heads' | 'grammar'; depth: number }
  | { method: 'draft'; depth: number; draft?: number }
  | { method: 'tree'; depth: number; from?: 'lookup' | 'draft' | 'heads' }

/**
 * How guesses are judged. `shared-noise`: by the target's own samples; ids are those of decoding without guesses.
 * `rejection` (Leviathan et al., 2211.17192) and `block` (Sun et al., 2403.10444): by probabilities.
 */
export type Verification = 'shared-noise' | 'rejection' | 'block'

/** Where a token came from: `target` is the model's own, the others were accepted guesses. */
export type TokenSource = 'target' | 'lookup' | 'cache' | 'draft' | 'heads' | 'grammar'

/**
 * What an answer must match. `json`: any JSON object. `schema`: a JSON schema; `strict` (default true) allows no property
 * or item that it does not mention. `regex`: a regular expression, for the whole answer. `ebnf`: rules in XGrammar's
 * notation, like llama.cpp's GBNF, the first of them `root`.
 */
export type Grammar =
  | 'json'
  | { schema: Readonly<Record<string, unknown>>; strict?: boolean }
  | { regex: string }
  | { ebnf: string }

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant' | 'tool' | (string & {})
  /** null where an answer was nothing but tool calls. */
  content: string | null
  name?: string
  /** Of an answer. */
  tool_calls?: readonly ChatToolCall[]
  /** Of a tool's result. */
  tool_call_id?: string
}

export interface ChatToolCall {
  id?: string
  type?: 'function'
  /** `arguments`: JSON, or what it says. */
  function: { name: string; arguments: string | Record<string, unknown> }
}

/** A function that the model may call: its `parameters` as a JSON schema. */
export interface ChatTool {
  type: 'function'
  function: { name: string; description?: string; parameters?: Record<string, unknown> }
}

export interface SamplingOptions {
  /** 0 = greedy. Default 0. */
  temperature?: number
  /** Keep the k most likely tokens (ties with the k-th are kept). Default 0 = all. */
  topK?: number
  /** Keep the smallest set of tokens with at least this probability, 0 < p <= 1. Default 1. */
  topP?: number
  /** Keep tokens with at least this share of the best token's probability, 0 <= p <= 1. Default 0. */
  minP?: number
  /** 0 .. 2^32 - 1. Default: random. */
  seed?: number
  /**
   * Divides the positive logits of tokens that stand in prompt or answer, multiplies the negative ones: above 1 they
   * become less likely. 1e-6 to 1e6, default 1.
   */
  repetitionPenalty?: number
  /** Taken from the logits of tokens that stand in the answer. -2 to 2, default 0. */
  presencePenalty?: number
  /** Taken from the logit of a token as often as it stands in the answer. -2 to 2, default 0. */
  frequencyPenalty?: number
  /**
   * Added to the logits of these ids, before the penalties: -100 to 100, at most 300 ids. -100 as good as bans a
   * token, 100 as good as forces it.
   */
  logitBias?: Readonly<Record<number, number>>
}

export interface GenerateOptions extends SamplingOptions {
  /** Continued raw, BOS as the model says. Exactly one of `prompt`, `tokens` and `messages`. */
  prompt?: string
  /** Token ids, used as they are. */
  tokens?: readonly number[]
  /** Sent through the model's chat template, or as a plain transcript where it has none. */
  messages?: readonly ChatMessage[]
  /** With `messages`: functions that the chat template tells the model of. Calls come back as the text the model writes. */
  tools?: readonly ChatTool[]
  /** Default 256. */
  maxTokens?: number
  /** Text that ends the generation; it is not part of the output. At most 8. */
  stop?: string | readonly string[]
  /** Ids that end the generation like an end-of-sequence token; they count as generated. At most 11 with the model's own. */
  stopTokens?: readonly number[]
  /** Go on after an end-of-sequence token. Default false. */
  ignoreEos?: boolean
  /** Default 'auto'. */
  speculation?: Speculation
  /**
   * `rejection` and `block` keep more guesses at a temperature above 0 and draw from the same distribution, but the ids
   * depend on who guesses and how far: a seed repeats them with the same fixed `speculation`, as long as the engine's
   * `capacity.maxSamples` has room for the depths of all requests that run, and its KV blocks for their tokens. Never for
   * trees; with a draft model as deep as `verificationDepth` of the engine. Default 'shared-noise'.
   */
  verification?: Verification
  /**
   * Who decides where `speculation` is 'auto'. Default 'goodput'; the others are there to be compared with it: SmartSpec
   * (2406.14066), a table by batch size (2310.18813), lookup or draft at depth 4 whichever offers more, none.
   */
  policy?: 'goodput' | 'smartspec' | 'batch-table' | 'fixed' | 'off'
  /**
   * What the answer must match; needs the engine's `grammars`. At every place the tokens that it forbids are taken out
   * first: bias, penalties, temperature, top-k, top-p and min-p work on those that are left; log-probabilities stay the
   * model's own. End tokens are allowed where it can end. The answer is over, with `stop`, as soon as nothing but the
   * end may follow. All drafters of chains guess for it, and the grammar itself; trees do not.
   */
  grammar?: Grammar
  /**
   * Samples of the prompt, 1 to 32; it is computed once. Sample i is drawn with the seed `seed + i` (modulo 2^32), as a
   * request of its own with that seed would be. Default 1.
   */
  n?: number
  /**
   * A whole number from -100 to 100; higher goes first. A request is overtaken by fewer than 16 later ones for each level
   * that they are above it. Default 0.
   */
  priority?: number
  /**
   * Log-probabilities with every batch: log-softmax of the model's own logits, before bias, penalties, temperature,
   * top-k, top-p and min-p. Default false.
   */
  logprobs?: boolean
  /** The same for so many of the most likely tokens at each place, 0 to 20; needs `logprobs`. Default 0. */
  topLogprobs?: number
  signal?: AbortSignal
}

/** `stop`: an end token, a stop text or the end of a grammar. `length`: maxTokens or the end of the context. */
export type FinishReason = 'stop' | 'length'

/** Of one sample. */
export interface Usage {
  promptTokens: number
  /** Tokens of the prompt whose keys and values were there already. */
  cachedTokens: number
  completionTokens: number
  /** Drafted tokens that were accepted. */
  acceptedTokens: number
  /** Drafted tokens that were rejected. */
  rejectedTokens: number
  /** The same in full. */
  speculation: SpeculationCounters
}

export interface StepTimings {
  /** Recording, submitting and waiting for the verdict, in ms. */
  stepMs: number
  /** Planning and committing on the CPU, in ms. */
  cpuMs: number
}

export interface TokenLogprob {
  token: number
  /** The token alone; U+FFFD stands for half a character, the vocabulary's name for a control token. */
  text: string
  /** UTF-8; null for control tokens. */
  bytes: number[] | null
  /** Natural logarithm of the probability that the model gives it, whatever bias, penalties and filters say. */
  logprob: number
}

/** Of a token of the answer, and of the most likely ones at its place, best first. */
export interface TokenLogprobs extends TokenLogprob {
  topLogprobs: TokenLogprob[]
}

/** What one step committed for one request. */
export interface TokenBatch {
  /** Of the request, or of the sample where it has several, as in step events; counts all of the engine. */
  id: number
  /** Which sample of the request it is of; 0 where there is one. */
  index: number
  /** 1..depth+1 ids; the last batch may hold none. */
  tokens: number[]
  /** Text that is certain: never half a character, never part of a stop text. */
  text: string
  /** One per token. */
  sources: TokenSource[]
  /** One per token, if they were asked for. */
  logprobs?: TokenLogprobs[]
  /** What the controller chose for this request in this step. */
  speculation: { method: Drafter | 'off'; depth: number }
  timings: StepTimings
  /** On the last batch of each sample only. */
  finishReason?: FinishReason
  usage?: Usage
}
