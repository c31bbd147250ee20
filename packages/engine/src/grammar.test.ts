import { isEngineError } from '@foretoken/errors'
import { describe, expect, it } from 'vitest'
import { parseGrammar } from './grammar'

describe('a grammar', () => {
  it('is known again by its text', () => {
    const schema = { type: 'object', properties: { a: { type: 'integer' } } }
    expect(parseGrammar(undefined, false)).toBeUndefined()
    expect(parseGrammar('json', true)).toEqual({ kind: 'schema', text: '{"type":"object"}', strict: false })
    expect(parseGrammar({ schema }, true)).toEqual({
      kind: 'schema',
      text: JSON.stringify(schema),
      strict: true,
    })
    expect(parseGrammar({ schema, strict: false }, true)).toMatchObject({ strict: false })
    expect(parseGrammar({ regex: 'a+' }, true)).toEqual({ kind: 'regex', text: 'a+', strict: true })
    expect(parseGrammar({ ebnf: 'root ::= "a"' }, true)).toMatchObject({ kind: 'ebnf' })
  })

  const circle: Record<string, unknown> = {}
  circle.self = circle

  it.each([
    ['grammar', 'yaml'],
    ['grammar', null],
    ['grammar', []],
    ['grammar', {}],
    ['grammar', { regex: 'a', ebnf: 'root ::= "a"' }],
    ['grammar', { regex: 'a', flags: 'i' }],
    ['grammar.regex', { regex: '' }],
    ['grammar.regex', { regex: /a/ }],
    ['grammar.ebnf', { ebnf: 3 }],
    ['grammar.schema', { schema: 'object' }],
    ['grammar.schema', { schema: [] }],
    ['grammar.schema', { schema: null }],
    ['grammar.schema', { schema: circle }],
    ['grammar.strict', { schema: {}, strict: 'yes' }],
    ['grammar.strict', { regex: 'a', strict: true }],
  ])('%s is refused by name', (argument, value) => {
    let error: unknown
    try {
      parseGrammar(value as never, true)
    } catch (reason) {
      error = reason
    }
    expect(isEngineError(error) && [error.code, error.details.argument]).toEqual(['bad-request', argument])
  })
})
