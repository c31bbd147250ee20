/** What an answer must match: a caller's grammar, checked as far as that needs no compiler. */
import { EngineError } from '@foretoken/errors'
import { bad } from './argument'
import type { Grammar } from './types'

/** The package that compiles grammars: an optional peer. */
export const GRAMMAR_PACKAGE = '@mlc-ai/web-xgrammar'

/** Known again by its text. */
export interface GrammarText {
  kind: 'schema' | 'regex' | 'ebnf'
  text: string
  /** Of a schema: nothing that it does not mention. */
  strict: boolean
}

const anyObject: GrammarText = { kind: 'schema', text: '{"type":"object"}', strict: false }
const allowed = "'json', { schema, strict }, { regex } or { ebnf }"

export function parseGrammar(value: Grammar | undefined, isLoaded: boolean): GrammarText | undefined {
  if (value === undefined) return undefined
  const grammar = value === 'json' ? anyObject : grammarOf(value)
  if (isLoaded) return grammar
  const message =
    `A grammar needs the package ${GRAMMAR_PACKAGE}: install it, and give its address to the engine as \`grammars\`, ` +
    `with Vite: import grammars from '${GRAMMAR_PACKAGE}?url'.`
  const { text } = grammar
  const missing = {
    argument: 'grammar',
    value: text.slice(0, 200),
    allowed: `none without ${GRAMMAR_PACKAGE}`,
  }
  throw new EngineError('bad-request', message, { ...missing, package: GRAMMAR_PACKAGE })
}

function grammarOf(value: unknown): GrammarText {
  const fields = Object.entries((typeof value === 'object' && value) || {})
  const given = Object.fromEntries(fields.filter(([, field]) => field !== undefined))
  const { schema, strict = true, regex, ebnf, ...others } = given
  const kinds = Object.keys({ schema, regex, ebnf }).filter(kind => kind in given)
  const [kind] = kinds
  if (kinds.length !== 1 || Object.keys(others).length > 0) throw bad('grammar', value, allowed)
  if (kind === 'schema') {
    if (typeof strict !== 'boolean') throw bad('grammar.strict', strict, 'true or false')
    return { kind, text: schemaText(schema), strict }
  }
  if ('strict' in given) throw bad('grammar.strict', strict, 'left out without a schema')
  const text: unknown = given[kind!]
  if (typeof text !== 'string' || text === '') throw bad(`grammar.${kind}`, text, 'a non-empty text')
  return { kind: kind as 'regex' | 'ebnf', text, strict: true }
}

function schemaText(schema: unknown): string {
  const isObject = typeof schema === 'object' && schema !== null && !Array.isArray(schema)
  if (!isObject) throw bad('grammar.schema', schema, 'a JSON schema, as an object')
  try {
    return JSON.stringify(schema)
  } catch {
    throw bad('grammar.schema', schema, 'a JSON schema without cycles')
  }
}
