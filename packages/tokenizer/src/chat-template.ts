import { EngineError } from '@foretoken/errors'
import { Template } from '@huggingface/jinja'
import { badModel } from './bad-model'
import type { TextShield } from './text-shield'

export interface ChatMessage {
  role: string
  content: string
}

export interface TemplateTokens {
  bos_token: string
  eos_token: string
}

/** A model's own way to write a conversation: Jinja, as Hugging Face defines it. */
export class ChatTemplate {
  #source: string
  #shield: TextShield
  #tokens: TemplateTokens
  #template: Template | undefined

  constructor(source: string, shield: TextShield, tokens: TemplateTokens) {
    this.#source = source
    this.#shield = shield
    this.#tokens = tokens
  }

  /**
   * The conversation up to the answer that is asked for, with the messages covered by the shield.
   * Throws `bad-request` with the template's words where it refuses the messages.
   */
  render(messages: readonly ChatMessage[]): string {
    this.#template ??= parse(this.#source)
    const covered = messages.map(({ role, content }) => ({
      role: this.#shield.coverWhole(role),
      content: this.#shield.cover(content),
    }))
    try {
      return this.#template.render({ messages: covered, add_generation_prompt: true, ...this.#tokens })
    } catch (error) {
      const reason = this.#shield.uncover(error instanceof Error ? error.message : String(error))
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
    .map(({ role, content }) => `${role.charAt(0).toUpperCase()}${role.slice(1)}: ${content}\n`)
  return `${system.join('')}${turns.join('')}Assistant:`
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
