/** What OpenAI's response_format, tools and tool_choice ask for: a grammar of ours, tools for the chat template. */
import type { GenerateOptions } from '@foretoken/engine/types'
import { refuse } from './refuse.ts'
import { callGrammar, type ForcedCall, forcedCall } from './tool-call.ts'
import type { ChatCompletionRequest } from './types.ts'

/** They are taken together. */
export const grammarArguments: readonly string[] = ['response_format', 'grammar', 'tools', 'tool_choice']

/** Without what there is nothing of. */
export function grammarOptions(request: ChatCompletionRequest): Pick<GenerateOptions, 'grammar' | 'tools'> {
  const call = forcedCall(request)
  const { tools, tool_choice: choice } = request
  const grammar = call ? callGrammar(call) : ownGrammar(request)
  if (call) checkAlone(request, call)
  const areToldOf = tools && tools.length > 0 && choice !== 'none'
  return { ...(grammar ? { grammar } : {}), ...(areToldOf ? { tools } : {}) }
}

function checkAlone(request: ChatCompletionRequest, { argument }: ForcedCall): void {
  if (ownGrammar(request) === undefined) return
  refuse(argument, request.tool_choice, "'auto' or 'none' beside a response_format or grammar")
}

function ownGrammar({ response_format: format, grammar }: ChatCompletionRequest): GenerateOptions['grammar'] {
  const formatted = format ? formatGrammar(format) : undefined
  if (formatted && grammar) refuse('grammar', grammar, 'none beside a response_format')
  return formatted ?? grammar ?? undefined
}

function formatGrammar(
  format: NonNullable<ChatCompletionRequest['response_format']>,
): GenerateOptions['grammar'] {
  switch (format.type) {
    case 'text':
      return undefined
    case 'json_object':
      return 'json'
    case 'json_schema': {
      const { schema, strict } = format.json_schema ?? {}
      if (schema === undefined)
        refuse('response_format.json_schema', format.json_schema, '{ schema, strict }')
      return { schema, strict: strict ?? true }
    }
    default: {
      const types = "'text', 'json_object' or 'json_schema'; `grammar` takes { regex } and { ebnf }"
      return refuse('response_format.type', (format as { type?: unknown }).type, types)
    }
  }
}
