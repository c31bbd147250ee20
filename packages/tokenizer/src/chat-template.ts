import { EngineError } from '@foretoken/errors'
import { Template } from '@huggingface/jinja'
import { badModel } from './bad-model'
import { TextShield } from './text-shield'

/** OpenAI's shape. `content` may be null where there are tool calls; other fields go to the template as they are. */
export interface ChatMessage {
  role: string
  content: string | null
  name?: string
  tool_calls?: readonly ChatToolCall[]
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

export interface TemplateTokens {
  bos_token: string
  eos_token: string
}

/** Who wrote a text decides what it may say. */
export interface TextShields {
  /** What the developer or the model wrote: no control tokens. */
  own: TextShield
  /** What a user or a tool wrote: nor any token that the template gives a meaning to. */
  foreign: TextShield
}

const ownRoles = new Set(['system', 'developer', 'assistant'])

/** A model's own way to write a conversation: Jinja, as Hugging Face defines it. */
export class ChatTemplate {
  #source: string
  #shields: TextShields
  #tokens: TemplateTokens
  #template: Template | undefined

  constructor(source: string, shields: TextShields, tokens: TemplateTokens) {
    this.#source = source
    this.#shields = shields
    this.#tokens = tokens
  }

  /** Whether it tells the model of tools. */
  get knowsTools(): boolean {
    return /\btools\b/.test(this.#source)
  }

  /**
   * The conversation up to the answer that is asked for, with the messages covered by the shields.
   * Throws `bad-request` with the template's words where it refuses the messages.
   */
  render(messages: readonly ChatMessage[], tools?: readonly ChatTool[]): string {
    this.#template ??= parse(this.#source)
    const { own, foreign } = this.#shields
    const turns = messages.map(({ role, content, tool_calls: calls, ...fields }) => ({
      ...(covered(fields, text => foreign.coverWhole(text)) as object),
      role: foreign.coverWhole(role),
      content: content === null ? null : (ownRoles.has(role) ? own : foreign).cover(content),
      ...(calls && { tool_calls: covered(calls.map(withArguments), text => own.coverWhole(text)) }),
    }))
    const given = tools && tools.length > 0 ? { tools: covered(tools, text => own.coverWhole(text)) } : {}
    try {
      const options = { add_generation_prompt: true, ...this.#tokens }
      return this.#template.render({ messages: turns, ...given, ...options })
    } catch (error) {
      const reason = TextShield.uncover(error instanceof Error ? error.message : String(error))
      const roles = messages.map(message => message.role)
      const message = `The model's chat template refuses these messages: ${reason}`
      throw new EngineError('bad-request', message, { argument: 'messages', roles, reason }, error)
    }
  }
}

/** A conversation as plain text, for a model without a template. */
export function transcript(messages: readonly ChatMessage[]): string {
  const system = messages.filter(message => message.role === 'system').map(message => `${message.content}\n`)
  const turns = messages
    .filter(message => message.role !== 'system')
    .map(({ role, content }) => `${role.charAt(0).toUpperCase()}${role.slice(1)}: ${content ?? ''}\n`)
  return `${system.join('')}${turns.join('')}Assistant:`
}

/** Messages of text, or of none where tools are called; otherwise `bad-request`. */
export function requireMessages(messages: readonly ChatMessage[]): void {
  for (const [index, message] of messages.entries()) {
    const { role, content, tool_calls: calls } = message
    const areCalls = Array.isArray(calls) && calls.every(call => typeof call?.function?.name === 'string')
    const isText = typeof content === 'string' || (content === null && areCalls)
    if (typeof role === 'string' && isText && (calls === undefined || areCalls)) continue
    const expected = 'role and content, both strings, and any tool_calls as { function: { name, arguments } }'
    throw new EngineError('bad-request', `messages[${index}] must have ${expected}.`, {
      argument: `messages[${index}]`,
      expected,
      value: { role: typeof role, content: typeof content },
    })
  }
}

/** Tools as a template needs them; otherwise, or where there is none that knows tools, `bad-request`. */
export function requireTools(
  tools: readonly ChatTool[] | undefined,
  template: ChatTemplate | undefined,
): void {
  if (tools === undefined) return
  const areTools = Array.isArray(tools) && tools.every(tool => typeof tool?.function?.name === 'string')
  const argument = 'tools'
  if (!areTools) {
    const expected = 'a list of { type, function: { name, description, parameters } }'
    throw new EngineError('bad-request', `tools must be ${expected}.`, { argument, expected })
  }
  if (tools.length === 0 || template?.knowsTools) return
  const message = "The model's chat template knows no tools: the model would never hear of them."
  throw new EngineError('bad-request', message, { argument, tools: tools.length })
}

/** The same with every text in it covered. */
function covered(value: unknown, cover: (text: string) => string): unknown {
  if (typeof value === 'string') return cover(value)
  if (Array.isArray(value)) return value.map(element => covered(element, cover))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [cover(key), covered(held, cover)]))
}

/** Templates write the arguments as JSON themselves: text would be quoted twice. */
function withArguments(call: ChatToolCall): ChatToolCall {
  const { arguments: given } = call.function
  if (typeof given !== 'string') return call
  try {
    return { ...call, function: { ...call.function, arguments: JSON.parse(given) } }
  } catch {
    return call
  }
}

/** Parsed when first needed: a model whose template is broken can still continue a prompt. */
function parse(source: string): Template {
  try {
    return new Template(source)
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    const key = 'tokenizer.chat_template'
    throw badModel(`The model's chat template cannot be read: ${found}`, { key, expected: 'Jinja', found })
  }
}
