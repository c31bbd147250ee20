/** Turns a caller's options into a sequence request, or says what is wrong with them. */
import { EngineError } from '@foretoken/errors'
import {
  isDraftModel,
  isTreeMethod,
  POLICY_NAMES,
  type Sampling,
  type SequenceRequest,
} from '@foretoken/scheduler'
import type { Tokenizer } from '@foretoken/tokenizer'
import { MAX_BIASES } from './adjustments'
import { bad, number } from './argument'
import { type GrammarText, parseGrammar } from './grammar'
import { MAX_TOP_LOG_PROBS } from './log-probs'
import { type LoadedDrafters, parseSpeculation } from './speculation'
import { MAX_END_IDS } from './step-data'
import type { GenerateOptions, Verification } from './types'

export interface Request {
  /** The same prompt with other seeds. */
  samples: SequenceRequest[]
  stops: readonly string[]
  /** What each must match. */
  grammar: GrammarText | undefined
}

export interface RequestLimits extends LoadedDrafters {
  contextLength: number
  vocab: number
  /** Of the engine. */
  verificationDepth: number
  grammars: boolean
}

const DEFAULT_MAX_TOKENS = 256
const MAX_STOPS = 8
/** Samples of a lower temperature are the argmax: sample.wgsl. */
const COLDEST = 1e-5
const MAX_SAMPLES = 32
const MAX_PRIORITY = 100
const known = new Set<keyof GenerateOptions>([
  'prompt',
  'tokens',
  'messages',
  'tools',
  'maxTokens',
  'stop',
  'stopTokens',
  'ignoreEos',
  'speculation',
  'verification',
  'policy',
  'n',
  'priority',
  'signal',
  'temperature',
  'topK',
  'topP',
  'minP',
  'seed',
  'repetitionPenalty',
  'presencePenalty',
  'frequencyPenalty',
  'logitBias',
  'logprobs',
  'topLogprobs',
  'grammar',
])

export function parseRequest(options: GenerateOptions, tokenizer: Tokenizer, limits: RequestLimits): Request {
  for (const name of Object.keys(options)) {
    if (known.has(name as keyof GenerateOptions)) continue
    throw bad(name, (options as Record<string, unknown>)[name], `one of ${[...known].join(', ')}`)
  }
  const maxTokens = number('maxTokens', options.maxTokens, DEFAULT_MAX_TOKENS, 1, 2 ** 31 - 1, true)
  const sampling = parseSampling(options, limits.vocab)
  const logProbs = parseLogprobs(options, limits.vocab)
  // A plain transcript has no end of turn: the next speaker's name is it.
  const isTranscript = options.messages !== undefined && !tokenizer.hasChatTemplate
  const stops = [...parseStops(options.stop), ...(isTranscript ? ['\nUser:'] : [])]
  checkVerification(options)
  const speculation = parseSpeculation(options.speculation, limits)
  const policy = parsePolicy(options.policy, speculation)
  const grammar = parseGrammar(options.grammar, limits.grammars)
  checkWithGrammar(options, grammar, speculation)
  const verification = parseVerification(options.verification, sampling, speculation, limits)
  const endIds = parseEndIds(options, tokenizer, limits.vocab)
  const numSamples = number('n', options.n, 1, 1, MAX_SAMPLES, true)
  const priority = number('priority', options.priority, 0, -MAX_PRIORITY, MAX_PRIORITY, true)
  const prompt = promptTokens(options, tokenizer, limits)
  const samples = Array.from({ length: numSamples }, (_, i) => ({
    prompt,
    maxTokens,
    sampling: { ...sampling, seed: (sampling.seed + i) % 2 ** 32 },
    endIds,
    speculation,
    priority,
    ...(verification === undefined ? {} : { verification }),
    ...(policy === undefined ? {} : { policy }),
    ...(logProbs === undefined ? {} : { logProbs }),
  }))
  return { samples, stops, grammar }
}

function parseSampling(options: GenerateOptions, vocab: number): Sampling {
  const penalties = {
    repetition: number('repetitionPenalty', options.repetitionPenalty, 1, 1e-6, 1e6),
    presence: number('presencePenalty', options.presencePenalty, 0, -2, 2),
    frequency: number('frequencyPenalty', options.frequencyPenalty, 0, -2, 2),
  }
  const neutral = penalties.repetition === 1 && penalties.presence === 0 && penalties.frequency === 0
  const logitBias = parseLogitBias(options.logitBias, vocab)
  return {
    temperature: number('temperature', options.temperature, 0, 0, 100),
    topK: number('topK', options.topK, 0, 0, 2 ** 31 - 1, true),
    topP: number('topP', options.topP, 1, Number.MIN_VALUE, 1),
    minP: number('minP', options.minP, 0, 0, 1),
    seed: number('seed', options.seed, randomSeed(), 0, 2 ** 32 - 1, true),
    ...(neutral ? {} : { penalties }),
    ...(logitBias.length > 0 ? { logitBias } : {}),
  }
}

function parseLogitBias(biases: GenerateOptions['logitBias'], vocab: number): Array<[number, number]> {
  // Neither a list nor a Map.
  const isRecord = Object.prototype.toString.call(biases ?? {}) === '[object Object]'
  const pairs = isRecord ? Object.entries(biases ?? {}) : undefined
  if (!pairs || pairs.length > MAX_BIASES) {
    const found = pairs ? `${pairs.length} ids` : biases
    throw bad('logitBias', found, `{ id: bias }, at most ${MAX_BIASES} ids`)
  }
  return pairs.map(([key, bias]) => {
    const id = Number(key)
    if (String(id) !== key || !Number.isInteger(id) || id < 0 || id >= vocab) {
      throw bad(`logitBias[${key}]`, key, `ids from 0 to ${vocab - 1}`)
    }
    return [id, number(`logitBias[${key}]`, bias, Number.NaN, -100, 100)]
  })
}

/** How many of the most likely tokens have their log-probabilities told; undefined: no log-probabilities. */
function parseLogprobs(options: GenerateOptions, vocab: number): number | undefined {
  const logprobs = options.logprobs ?? false
  if (typeof logprobs !== 'boolean') throw bad('logprobs', logprobs, 'true or false')
  const top = number('topLogprobs', options.topLogprobs, 0, 0, MAX_TOP_LOG_PROBS, true)
  if (top > 0 && !logprobs) throw bad('topLogprobs', top, '0, or more with logprobs: true')
  return logprobs ? Math.min(top, vocab) : undefined
}

/** Ids of the prompt, in whichever form it came; refused if they leave no room for an answer. */
function promptTokens(options: GenerateOptions, tokenizer: Tokenizer, limits: RequestLimits): number[] {
  const forms = (['prompt', 'tokens', 'messages'] as const).filter(name => options[name] !== undefined)
  if (forms.length !== 1)
    throw bad('prompt', forms.join(', ') || null, 'exactly one of prompt, tokens, messages')
  const tokens = encodePrompt(options, tokenizer)
  if (tokens.length === 0) throw bad(forms[0]!, options[forms[0]!], 'at least one token')
  checkIds(tokens, limits.vocab)
  if (tokens.length >= limits.contextLength) throw contextFull(tokens.length, limits.contextLength)
  return tokens
}

function encodePrompt(options: GenerateOptions, tokenizer: Tokenizer): number[] {
  const { prompt, tokens, messages, tools } = options
  if (tools !== undefined && messages === undefined) throw bad('tools', tools, 'left out without messages')
  if (tokens !== undefined) {
    if (!Array.isArray(tokens)) throw bad('tokens', tokens, 'an array of token ids')
    return [...tokens]
  }
  if (prompt !== undefined) {
    if (typeof prompt !== 'string') throw bad('prompt', prompt, 'a text')
    return tokenizer.encode(prompt)
  }
  if (!Array.isArray(messages) || messages.length === 0) throw bad('messages', messages, 'a non-empty array')
  messages.forEach((message, i) => {
    const isText = typeof message?.content === 'string' || (message?.content === null && message.tool_calls)
    if (typeof message?.role === 'string' && isText) return
    throw bad(`messages[${i}]`, message, '{ role, content }, both texts')
  })
  return tokenizer.encodeChat(messages, tools)
}

export function checkIds(tokens: readonly number[], vocab: number, argument = 'tokens'): void {
  if (!Array.isArray(tokens)) throw bad(argument, tokens, 'an array of token ids')
  const at = tokens.findIndex(id => !Number.isInteger(id) || id < 0 || id >= vocab)
  if (at >= 0) throw bad(`${argument}[${at}]`, tokens[at], `a whole number from 0 to ${vocab - 1}`)
}

export function contextFull(tokens: number, context: number): EngineError {
  return new EngineError(
    'context-full',
    `The prompt has ${tokens} tokens; the context holds ${context}, answer included.`,
    { tokens, context },
  )
}

function parseStops(stop: GenerateOptions['stop']): readonly string[] {
  const stops = stop === undefined || stop === null ? [] : typeof stop === 'string' ? [stop] : stop
  const valid = Array.isArray(stops) && stops.length <= MAX_STOPS
  if (!valid || stops.some(text => typeof text !== 'string' || text.length === 0)) {
    throw bad('stop', stop, `a non-empty text, or up to ${MAX_STOPS} of them`)
  }
  return stops
}

function parseEndIds(options: GenerateOptions, tokenizer: Tokenizer, vocab: number): number[] {
  const { stopTokens = [], ignoreEos = false } = options
  if (typeof ignoreEos !== 'boolean') throw bad('ignoreEos', ignoreEos, 'true or false')
  const own = ignoreEos ? [] : tokenizer.endIds.slice(0, MAX_END_IDS)
  const room = MAX_END_IDS - own.length
  if (!Array.isArray(stopTokens) || stopTokens.length > room) {
    throw bad('stopTokens', stopTokens, `an array of at most ${room} token ids`)
  }
  checkIds(stopTokens, vocab, 'stopTokens')
  return [...own, ...stopTokens]
}

/** Methods whose drafts are chains with known probabilities. */
const judgeable = ['lookup', 'draft']

/** Undefined: the engine's own. */
function parsePolicy(
  policy: GenerateOptions['policy'],
  speculation: SequenceRequest['speculation'],
): SequenceRequest['policy'] {
  if (policy === undefined) return undefined
  if (!POLICY_NAMES.includes(policy)) throw bad('policy', policy, POLICY_NAMES.join(', '))
  if (speculation !== 'auto') throw bad('policy', policy, "none where speculation is not 'auto'")
  return policy
}

function checkVerification({ verification = 'shared-noise', speculation }: GenerateOptions): void {
  if (!['shared-noise', 'rejection', 'block'].includes(verification)) {
    throw bad('verification', verification, "'shared-noise', 'rejection' or 'block'")
  }
  const method: unknown = (speculation as { method?: unknown } | null | undefined)?.method
  if (verification === 'shared-noise' || typeof method !== 'string') return
  // A tree's candidates for one place would need a joint test (SpecTr, 2310.15141).
  if (!judgeable.includes(method)) {
    throw bad('verification', verification, `'shared-noise' with speculation of method '${method}'`)
  }
}

/** A grammar walks along chains, and knows what the target itself would draw. */
function checkWithGrammar(
  { verification = 'shared-noise' }: GenerateOptions,
  grammar: GrammarText | undefined,
  speculation: SequenceRequest['speculation'],
): void {
  const method = typeof speculation === 'object' ? speculation.method : undefined
  if (!grammar) {
    if (method === 'grammar') throw bad('speculation.method', method, 'another, where there is no grammar')
    return
  }
  if (method !== undefined && isTreeMethod(method))
    throw bad('speculation.method', 'tree', 'a method that drafts chains, with a grammar')
  if (verification !== 'shared-noise')
    throw bad('verification', verification, "'shared-noise' with a grammar")
}

function parseVerification(
  verification: Verification = 'shared-noise',
  { temperature }: Sampling,
  speculation: SequenceRequest['speculation'],
  { numDrafts, verificationDepth }: RequestLimits,
): SequenceRequest['verification'] {
  // Greedily all rules are one: a guess stands if it is the token.
  if (verification === 'shared-noise' || temperature <= COLDEST) return undefined
  const shared = `'shared-noise', or an engine of a greater verificationDepth than ${verificationDepth}`
  if (speculation === 'auto' && numDrafts > 0 && verificationDepth === 0)
    throw bad('verification', verification, shared)
  if (
    typeof speculation === 'object' &&
    isDraftModel(speculation.method) &&
    speculation.depth > verificationDepth
  ) {
    throw bad(
      'speculation.depth',
      speculation.depth,
      `at most ${verificationDepth}, the engine's verificationDepth`,
    )
  }
  return verification
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!
}
