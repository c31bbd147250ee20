/** OpenAI's request as options of `generate`. What is not supported is refused, never ignored. */
import type { GenerateOptions } from '@foretoken/engine/types'
import { EngineError, isEngineError } from '@foretoken/errors'
import { grammarArguments, grammarOptions } from './chat-grammar.ts'
import { checkOptions } from './check-options.ts'
import { refuse } from './refuse.ts'
import type { ChatCompletionRequest } from './types.ts'

/** OpenAI's names and ours. */
const renamed = new Map<string, keyof GenerateOptions>([
  ['messages', 'messages'],
  ['max_tokens', 'maxTokens'],
  ['max_completion_tokens', 'maxTokens'],
  ['temperature', 'temperature'],
  ['top_p', 'topP'],
  ['top_k', 'topK'],
  ['min_p', 'minP'],
  ['seed', 'seed'],
  ['presence_penalty', 'presencePenalty'],
  ['frequency_penalty', 'frequencyPenalty'],
  ['repetition_penalty', 'repetitionPenalty'],
  ['logit_bias', 'logitBias'],
  ['logprobs', 'logprobs'],
  ['top_logprobs', 'topLogprobs'],
  ['stop', 'stop'],
  ['speculation', 'speculation'],
  ['verification', 'verification'],
  ['policy', 'policy'],
  ['n', 'n'],
  ['priority', 'priority'],
  ['signal', 'signal'],
  ['response_format', 'grammar'],
  ['grammar', 'grammar'],
  ['tool_choice', 'grammar'],
  ['tools', 'tools'],
])

/** What OpenAI does where nothing is said: plain sampling, up to the end of the context. */
const defaults = { temperature: 1, maxTokens: 2 ** 31 - 1 } satisfies GenerateOptions

export function toGenerateOptions(request: ChatCompletionRequest, model: string): GenerateOptions {
  checkOptions(request)
  if (!Array.isArray(request.messages)) refuse('messages', request.messages, 'a list of { role, content }')
  const options: Record<string, unknown> = {}
  for (const [argument, value] of Object.entries(request)) {
    if (value === undefined || value === null || grammarArguments.includes(argument)) continue
    const name = renamed.get(argument)
    if (name) setOnce(options, name, argument, value)
    else check(argument, value, request, model)
  }
  return { ...defaults, ...options, ...grammarOptions(request) }
}

/** The engine's error by the name that the caller used, such as max_tokens for maxTokens. */
export function inRequestNames(error: unknown, request: ChatCompletionRequest): unknown {
  if (!isEngineError(error) || error.code !== 'bad-request') return error
  // An option, perhaps with the place in it: logitBias[3].
  const [, option, place] = /^(\w+)(.*)$/.exec(String(error.details.argument)) ?? []
  const isGiven = ([name, value]: [string, unknown]) => value != null && renamed.get(name) === option
  const given = Object.entries(request).find(isGiven)?.[0]
  if (given === undefined) return error
  const argument = `${given}${place}`
  const message = error.message.replace(`"${error.details.argument}"`, `"${argument}"`)
  return new EngineError('bad-request', message, { ...error.details, argument })
}

function setOnce(options: Record<string, unknown>, name: string, argument: string, value: unknown): void {
  if (name in options && options[name] !== value) {
    refuse(argument, value, 'one of max_tokens and max_completion_tokens')
  }
  options[name] = value
}

function check(argument: string, value: unknown, request: ChatCompletionRequest, model: string): void {
  switch (argument) {
    case 'stream':
      if (typeof value !== 'boolean') refuse(argument, value, 'true or false')
      return
    case 'stream_options':
      if (request.stream !== true) refuse(argument, value, 'only with stream: true')
      checkStreamOptions(value)
      return
    case 'model':
      if (value !== model) refuse(argument, value, `'${model}', the loaded model, or nothing`)
      return
    default:
      refuse(argument, value, 'not supported')
  }
}

function checkStreamOptions(value: unknown): void {
  if (typeof value !== 'object') refuse('stream_options', value, '{ include_usage }')
  for (const [name, option] of Object.entries(value ?? {})) {
    if (name !== 'include_usage') refuse(`stream_options.${name}`, option, 'include_usage alone')
    if (typeof option !== 'boolean') refuse('stream_options.include_usage', option, 'true or false')
  }
}
