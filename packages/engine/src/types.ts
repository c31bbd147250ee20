/** Public types: pure, safe for the main thread. */

import type { FileSource } from '@foretoken/weights'

export type { AppFile, HubModel } from '@foretoken/weights'
export type { DraftAdvice, DraftCandidate } from './draft-advice'
export type { StorageUse, StoredModel } from './stored-models'

/**
 * Where a model comes from. `bundled`: the small model that ships with the package, or as a draft, its draft. Of a split
 * model ("-00001-of-00003.gguf") the address of any part, or the directory; of a directory with several models the first of
 * these types: Q8_0, Q4_0, Q4_K_M, Q5_K_M, Q6_K, F16, BF16, F32. A directory, a repository or Files without GGUF are a
 * Hugging Face folder: config.json, tokenizer.json, tokenizer_config.json and safetensors; one at an address is named with
 * a slash at its end, or by its safetensors file or index. Several Files are one model: as a draft, a list within the list.
 */
export type ModelSource = 'bundled' | FileSource

/** GGML's types of blocks: 8.5 and 4.5 bits a weight. */
export type Quantization = 'q8_0' | 'q4_0'

export type LoadPhase = 'download' | 'upload' | 'compile' | 'calibrate'

export interface LoadProgress {
  phase: LoadPhase
  /** Bytes in `download` and `upload`, steps elsewhere. */
  loaded: number
  /** Undefined while the server has not told the length. */
  total: number | undefined
  /** 'model', 'draft', 'draft-2', 'draft-3' or 'heads'. */
  file: string
  /** In `download`: of `loaded`, what came over the network; the rest was stored, or is on this machine anyway. */
  fetched?: number
  /** In `download`: why the file will not be stored, for people. Loading goes on. */
  warning?: string
}

export interface EngineOptions {
  model: ModelSource
  /**
   * A smaller model, or up to three. Best of the same vocabulary; of another one it guesses the tokens that both have, at
   * least a quarter of the smaller vocabulary. Default: none, and for the bundled model its own.
   */
  draft?: ModelSource | readonly ModelSource[]
  /** Medusa heads of the model: a safetensors file with `medusa.I.weight` [dim, dim]. `bundled`: those of the bundled one. */
  heads?: ModelSource
  /**
   * Drafts may be trees, verified in one pass: by wish, and where the controller finds that they pay. Default false: their
   * kernels take a while to compile.
   */
  trees?: boolean
  /**
   * Learn which tokens follow which from all that is generated, and draft from it. Kept in IndexedDB, per vocabulary and
   * name, until `clearNgramCache()`. Default false.
   */
  ngramCache?: boolean | { name: string }
  /**
   * Keep downloads in the browser's storage (OPFS), look for them there first, go on with what was begun. Default true.
   * Where the browser refuses, the model is loaded all the same, and the progress has a `warning`.
   */
  store?: boolean
  /**
   * Matrices in F32, F16 or BF16, of the model and its drafts, become blocks of this type while they load, as GGML rounds
   * them; beside 'q4_0' the output matrix becomes 'q8_0'. Default: they stay as they are.
   */
  quantize?: Quantization
  onProgress?: (progress: LoadProgress) => void
  signal?: AbortSignal
  /** Requests that run together, 1..32. Up to 1024 more wait. Default 4. */
  maxConcurrent?: number
  /** Positions per sequence. Default: the smaller of the model's context and 4096. */
  contextLength?: number
  /** Storage of keys and values. Default 'f16'. */
  kvType?: 'f16' | 'f32'
  /**
   * `fast`: products of quantised weights (Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K) take activations rounded to int8,
   * one scale per 16 of them, where that is measured to be faster on this device. Ids are then others than with `exact`, and
   * the same with speculation on or off as ever. Default 'exact'.
   */
  numerics?: 'exact' | 'fast'
  /**
   * How deep a draft model may draft for requests with `verification` 'rejection' or 'block': 0..16. Its probabilities
   * are kept, maxConcurrent x verificationDepth x vocabulary x 4 bytes of the 64 MB to work in. Default 0: not at all.
   */
  verificationDepth?: number
  /**
   * Where the file of @mlc-ai/web-xgrammar lies, an optional peer that compiles grammars: with it requests may have a
   * `grammar`. With Vite: `import grammars from '@mlc-ai/web-xgrammar?url'`. Fetched at the first such request. Default:
   * none, and no memory for their masks.
   */
  grammars?: string | URL
}

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

/** Counters with vLLM's names. A draft is what one step verifies for one request. */
export interface SpeculationCounters {
  num_drafts: number
  num_draft_tokens: number
  num_accepted_tokens: number
  /** Index i: drafts whose token i + 1 was accepted. */
  num_accepted_tokens_per_pos: number[]
  /** Index i: drafts of which i tokens were accepted, none beyond. */
  acceptance_histogram: number[]
  /** Tokens that a draft gave, with the target's own: 1 + accepted / drafts. 1 where there was no draft. */
  mean_acceptance_length: number
  /** Accepted of the drafted tokens, 0 where there were none. */
  draft_acceptance_rate: number
}

/** What one step did. */
export interface StepEvent {
  /** Counts all steps of the engine, from 1. */
  step: number
  /** Rows of the target pass, and those whose next token was drawn. */
  rows: number
  samples: number
  /** Rows that read prompts: the others are those of decoding. */
  promptRows: number
  /** Everyone who had rows in it. */
  requests: Array<{
    /** As in the request's batches. */
    id: number
    rows: number
    method: TokenBatch['speculation']['method']
    depth: number
    accepted: number
    /** Tokens that it gained; none while its prompt is read. */
    tokens: number
    /** Of a chain from a draft model or heads: how far each token's logit was above the next best one. */
    margins?: readonly number[]
  }>
  /** As in the batches' timings. */
  stepMs: number
  /** Where draft models ran: what the step took beyond an undrafted one of as many rows, by the table of costs. */
  draftMs?: number
  /** Once it was over. */
  num_running: number
  num_waiting: number
  /** Planned and submitted before the step before it was read. */
  ahead: boolean
}

/** How a draft's vocabulary goes with the model's. */
export interface DraftVocabulary {
  /** An id means the same to both wherever both have a token. If not, only what both have is guessed. */
  sameIds: boolean
  /** Tokens of text that both have. */
  commonTokens: number
  /** Their share of the smaller vocabulary; 1 where the ids are the same. */
  share: number
}

export interface DraftFacts {
  name: string
  format: string
  parameters: number
  vocabulary: DraftVocabulary
}

export interface EngineStats extends SpeculationCounters {
  /** The same counters by drafter. */
  byMethod: Record<Drafter, SpeculationCounters>
  num_steps: number
  num_generated_tokens: number
  /** GPU dispatches of all steps. */
  num_dispatches: number
  /**
   * Sums over all steps: recording to verdict, planning and committing, recording alone (part of `step`), and the
   * GPU's own time (0 unless an engine is loaded for profiling).
   */
  timeMs: { step: number; cpu: number; record: number; gpu: number }
  num_running: number
  num_waiting: number
  /** Times that a request had to give its KV blocks to an earlier one, and was computed again later. */
  num_preemptions: number
  /** Tokens that did not have to be computed: keys and values of the same tokens were there. */
  prefix_cache_hits: number
  /** Blocks of 64 positions of keys and values: held by running requests, and kept in case they are wanted again. */
  kvBlocks: { total: number; used: number; cached: number }
  /** Adapter, as WebGPU describes it. */
  adapter: string
  model: {
    name: string
    architecture: string
    format: string
    parameters: number
    contextLength: number
    hasChatTemplate: boolean
  }
  draft: DraftFacts | null
  /** All draft models, the first included. */
  drafts: DraftFacts[]
  /** Medusa heads that are loaded. */
  numHeads: number
  /** N-grams in the cache, at most 32,768; 0 where there is none. */
  numCachedNgrams: number
  /** GPU memory taken by weights, KV cache and working buffers, in bytes. All 0 once disposed of. */
  gpuBytes: { weights: number; kv: number; work: number }
  /**
   * What the memory plan came to: rows of a pass, which a prefill chunk may fill; rows of those whose next token is drawn;
   * requests that run together; positions of KV that they share.
   */
  capacity: { maxRows: number; maxSamples: number; maxConcurrent: number; kvPositions: number }
  /**
   * Rows that share a workgroup, those of prefill last: sizes whose results are equal bit for bit on this device, and
   * those that are not used; and whether rows may be nodes of trees, if they are to be.
   */
  selfCheck: { tilesUsed: number[]; tilesRefused: number[]; trees: boolean }
  /**
   * How products with the weights are cut up, by name, and whence: `default` where there was nothing to choose from or
   * no time for it, else measured at this load, or at an earlier one and stored.
   */
  tuning: { cut: string; from: 'default' | 'measured' | 'stored' }
  /**
   * Which numerics are used, and why: they were `asked` for; `fast` was measured to be `faster` than `exact`, or `slower`, or
   * no faster than may be noise; the browser's WGSL has no products of int8 (`no-feature`), or they were `refused` all the
   * same; no matrix of the feed-forward layers has such a format (`no-integers`). `speedup`: the time of exact products over that of fast ones, where both were measured, at this load or
   * an earlier one.
   */
  numerics: {
    used: 'exact' | 'fast'
    reason: 'asked' | 'faster' | 'slower' | 'no-feature' | 'refused' | 'no-integers'
    speedup?: number
  }
  /**
   * Milliseconds of a target pass by rows, of one pass of each draft model by rows, of the heads' by tokens; and what a
   * step loses that waits for the tokens of the one before.
   */
  cost: Record<'target' | 'draft' | 'draft-2' | 'draft-3' | 'heads', Array<{ rows: number; ms: number }>> & {
    waitMs: number
  }
  /**
   * Chance that draft token i + 1 is accepted, by drafter, as the controller believes it now; of trees, that the best child
   * at depth i + 1 is, if its parent was.
   */
  survival: Record<Drafter, number[]>
  /** GPU objects created since the engine is ready; 0 once running. */
  createsSinceReady: number
}

export interface ForwardResult {
  /** Row-major [tokens, vocab]. */
  logits: Float32Array
  vocab: number
}

/** What loading a model would take: told from its header, before anything else is downloaded. */
export interface Preflight {
  architecture: string
  name: string
  /** The type that holds most of the weights. */
  format: string
  /** Values in all tensors. */
  parameters: number
  /** The first draft model, if one was named. All bytes below include it, the others and the heads. */
  draft: (DraftFacts & { architecture: string }) | null
  /** Bytes of the files, headers included. */
  downloadBytes: number
  /** Bytes on the GPU: exactly what `stats().gpuBytes` says once loaded. */
  gpuBytes: { weights: number; kv: number; work: number; total: number }
  /** Positions per request that `gpuBytes` is for. */
  contextLength: number
  /**
   * Bytes of keys and values that a position takes, of one request. `gpuBytes.kv` is this for each of `maxConcurrent`
   * contexts in whole blocks of 64 positions; for fewer, down to one, where that is more than 512 MiB or than a buffer
   * holds.
   */
  kvBytesPerPosition: number
  /** Whether this device has buffers of the sizes that are needed. How much memory there is, no browser tells. */
  fits: boolean
  /** Why it does not fit, with numbers. */
  reason?: string
  /** The greatest `contextLength` that fits, in positions, up to the model's own; 0 if none does. */
  largestContextThatFits: number
}
