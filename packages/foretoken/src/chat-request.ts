/** OpenAI's request as options of `generate`. What is not supported is refused, never ignored. */
import type { GenerateOptions } from '@foretoken/engine/types'
import { EngineError } from '@foretoken/errors'
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
  ['stop', 'stop'],
  ['speculation', 'speculation'],
  ['signal', 'signal'],
])

/** Options of OpenAI that are accepted at the value that changes nothing, as JSON. */
const neutral = new Map<string, string>([
  ['n', '1'],
  ['logprobs', 'false'],
  ['tools', '[]'],
  ['tool_choice', '"none"'],
  ['response_format', '{"type":"text"}'],
  ['frequency_penalty', '0'],
  ['presence_penalty', '0'],
  ['logit_bias', '{}'],
])

export function toGenerateOptions(request: ChatCompletionRequest, model: string): GenerateOptions {
  if (!Array.isArray(request.messages)) refuse('messages', request.messages, 'a list of { role, content }')
  const options: Record<string, unknown> = {}
  for (const [argument, value] of Object.entries(request)) {
    if (value === undefined || value === null) continue
    const name = renamed.get(argument)
    if (name) setOnce(options, name, argument, value)
    else check(argument, value, request, model)
  }
  return options
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
    default: {
      const allowed = neutral.get(argument)
      if (allowed === undefined) refuse(argument, value, 'not supported')
      if (JSON.stringify(value) !== allowed) refuse(argument, value, `${allowed} or nothing`)
    }
  }
}

function checkStreamOptions(value: unknown): void {
  if (typeof value !== 'object') refuse('stream_options', value, '{ include_usage }')
  for (const [name, option] of Object.entries(value ?? {})) {
    if (name !== 'include_usage') refuse(`stream_options.${name}`, option, 'include_usage alone')
    if (typeof option !== 'boolean') refuse('stream_options.include_usage', option, 'true or false')
  }
}

function refuse(argument: string, value: unknown, allowed: string): never {
  throw new EngineError(
    'bad-request',
    `${argument}: ${JSON.stringify(value)} was given; allowed: ${allowed}.`,
    {
      argument,
      value,
      allowed,
    },
  )
}
