/**
 * A tool call that tool_choice forces: the answer is JSON by the tool's schema, and told as a call. What a model writes of
 * its own accord ('auto') stays text, for each family marks its calls in its own way.
 */
import type { ChatTool, GenerateOptions, TokenBatch } from '@foretoken/engine/types'
import { refuse } from './refuse.ts'
import type { CalledFunction, ChatCompletionChunk, ChatCompletionRequest } from './types.ts'

type Delta = ChatCompletionChunk['choices'][number]['delta']

export interface ForcedCall {
  /** Those that may be called: where there are several, the answer says which. */
  tools: readonly ChatTool[]
  argument: string
}

const choices = "'none', 'auto', 'required' or { type: 'function', function: { name } }"

export function forcedCall({ tools, tool_choice: choice }: ChatCompletionRequest): ForcedCall | undefined {
  const isTool = (tool: Partial<ChatTool> | null): boolean => typeof tool?.function?.name === 'string'
  if (tools && !(Array.isArray(tools) && tools.every(isTool)))
    refuse('tools', tools, "a list of { type: 'function', function: { name, description, parameters } }")
  if (choice === undefined || choice === null || choice === 'none' || choice === 'auto') return undefined
  if (!tools || tools.length === 0) refuse('tool_choice', choice, "'none' without tools")
  if (choice === 'required') return { tools, argument: 'tool_choice' }
  const name: unknown = (choice as { function?: { name?: unknown } }).function?.name
  if (typeof name !== 'string') refuse('tool_choice', choice, choices)
  const called = tools.filter(tool => tool.function.name === name)
  const argument = 'tool_choice.function.name'
  if (called.length === 0) refuse(argument, name, tools.map(tool => `'${tool.function.name}'`).join(', '))
  return { tools: called.slice(0, 1), argument }
}

/** Of one tool its arguments; of several { name, arguments }. */
export function callGrammar({ tools }: ForcedCall): GenerateOptions['grammar'] {
  const [first, ...others] = tools.map(({ function: { name, parameters } }) => ({
    name,
    parameters: parameters ?? { type: 'object', properties: {} },
  }))
  if (others.length === 0) return { schema: first!.parameters }
  const anyOf = [first!, ...others].map(({ name, parameters }) => ({
    type: 'object',
    properties: { name: { const: name }, arguments: parameters },
    required: ['name', 'arguments'],
  }))
  return { schema: { anyOf } }
}

/** The call that an answer is, undefined where it was cut off before it said which. */
export function calledFunction({ tools }: ForcedCall, text: string): CalledFunction | undefined {
  const head = { id: callId(), type: 'function' as const }
  if (tools.length === 1) return { ...head, function: { name: tools[0]!.function.name, arguments: text } }
  try {
    const { name, arguments: given } = JSON.parse(text)
    return { ...head, function: { name, arguments: JSON.stringify(given) } }
  } catch {
    return undefined
  }
}

/** The same as it streams: of one tool its arguments as they come, of several the call once it is complete. */
export class CallStream {
  #text = ''

  constructor(readonly call: ForcedCall) {}

  begin(): Delta {
    const { tools } = this.call
    const head = { role: 'assistant', content: null } as const
    if (tools.length > 1) return head
    const called = { name: tools[0]!.function.name, arguments: '' }
    return { ...head, tool_calls: [{ index: 0, id: callId(), type: 'function', function: called }] }
  }

  push({ text, finishReason }: TokenBatch): Delta {
    if (this.call.tools.length === 1) return { tool_calls: [{ index: 0, function: { arguments: text } }] }
    this.#text += text
    const called = finishReason ? calledFunction(this.call, this.#text) : undefined
    if (called) return { tool_calls: [{ index: 0, ...called }] }
    // Cut off before it was a call.
    return finishReason ? { content: this.#text } : {}
  }
}

const callId = (): string => `call_${crypto.randomUUID()}`
