import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { isEngineError } from '@foretoken/errors'
import { Sequence, type SequenceRequest, type Verdict } from '@foretoken/scheduler'
import { type Tokenizer, tokenizerFromJson } from '@foretoken/tokenizer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseGrammar } from './grammar'
import { Grammars } from './grammars'
import { isValid, objectSchemas } from './json-case'
import type { TokenConstraint } from './token-constraint'
import type { Grammar } from './types'

const file = (name: string): string =>
  readFileSync(new URL(`../../tiny-models/tales-target/${name}`, import.meta.url), 'utf8')
const tokenizer: Tokenizer = tokenizerFromJson({
  tokenizer: file('tokenizer.json'),
  config: file('tokenizer_config.json'),
})
const address = pathToFileURL(createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar')).href
// The package looks where it is, which no module of Node can know by itself.
Object.assign(globalThis, { location: { href: import.meta.url } })
const grammars = new Grammars(address, tokenizer)

const request: SequenceRequest = {
  prompt: [1],
  maxTokens: 500,
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 },
  endIds: tokenizer.endIds,
  speculation: 'off',
}

async function begin(grammar: Grammar, endIds = request.endIds): Promise<TokenConstraint> {
  const [sample] = await grammars.constrain([{ ...request, endIds }], parseGrammar(grammar, true)!)
  return sample!.constraint
}

const verdict = (tokens: number[], stopped = false): Verdict => ({
  sequence: new Sequence(request, 1000),
  tokens,
  numDrafted: tokens.length - 1,
  numAccepted: tokens.length - 1,
  stopped,
})

const allowedIn = (mask: Uint32Array): number[] =>
  Array.from({ length: tokenizer.vocabSize }, (_, id) => id).filter(id => (mask[id >> 5]! >>> (id & 31)) & 1)

/** Tokens at random, `depth` at a time, until the answer is over. */
async function walk(
  constraint: TokenConstraint,
  dice: (count: number) => number,
  depth = 0,
): Promise<number[]> {
  const tokens: number[] = []
  for (let step = 0; step < 400; step++) {
    const words = Math.ceil(tokenizer.vocabSize / 32)
    const drafted: number[] = []
    for (let i = 0; i < depth; i++) {
      const options = allowedIn((await constraint.masks(drafted)).subarray(-words))
      const token = options[dice(options.length)]
      if (token === undefined || tokenizer.endIds.includes(token)) break
      drafted.push(token)
    }
    const last = allowedIn((await constraint.masks(drafted)).subarray(-words))
    const drawn = [...drafted, last[dice(last.length)] ?? 0]
    const isEnd = tokenizer.endIds.includes(drawn.at(-1)!)
    const taken = await constraint.advance(verdict(drawn, isEnd))
    tokens.push(...taken.tokens)
    if (taken.stopped) break
  }
  return tokens
}

describe('a constraint', () => {
  it('lets through values of its schema alone, whatever is drawn, and ends', async () => {
    const property = fc.asyncProperty(
      objectSchemas(),
      fc.infiniteStream(fc.nat(1e6)),
      fc.constantFrom(0, 1, 5),
      async (schema, stream, depth) => {
        const constraint = await begin({ schema })
        const tokens = await walk(constraint, count => stream.next().value! % Math.max(1, count), depth)
        constraint.dispose()
        const text = tokenizer.decode(tokens)
        expect(isValid(schema, JSON.parse(text)), text).toBe(true)
      },
    )
    await fc.assert(property, { numRuns: 25 })
  }, 120_000)

  it('masks the rows of a draft as if the tokens before them stood', async () => {
    const grammar: Grammar = { regex: '(cat|dog|catfish)( and (cat|dog))*\\.' }
    const [ahead, behind] = [await begin(grammar), await begin(grammar)]
    const tokens = tokenizer.encode('catfish and dog and cat.', { continues: true })
    const words = Math.ceil(tokenizer.vocabSize / 32)
    const masks = await ahead.masks(tokens)
    for (const [i, token] of tokens.entries()) {
      const [mask] = [await behind.masks([])]
      expect(masks.subarray(i * words, (i + 1) * words), `row ${i}`).toEqual(mask)
      const { stopped } = await behind.advance(verdict([token]))
      expect(stopped).toBe(i === tokens.length - 1)
    }
    // Looking ahead has moved nothing.
    expect(await ahead.masks([])).toEqual(masks.subarray(0, words))
  })

  it('allows a guess up to the first token that is forbidden', async () => {
    const constraint = await begin({ regex: 'Once upon a time\\.' })
    const right = tokenizer.encode('Once upon a time', { continues: true })
    const wrong = tokenizer.encode(' hill', { continues: true })
    expect(constraint.numAllowed([...right, ...wrong])).toBe(right.length)
    expect(constraint.numAllowed(wrong)).toBe(0)
    expect(constraint.numAllowed([...tokenizer.endIds])).toBe(0)
    expect(constraint.forced()).toEqual(tokenizer.encode('Once upon a time.', { continues: true }))
    await constraint.advance(verdict(right.slice(0, 2)))
    expect(constraint.forced()).toEqual(tokenizer.encode('Once upon a time.', { continues: true }).slice(2))
  })

  it('allows the end where the answer can end, and is over where it must', async () => {
    const constraint = await begin({ regex: 'a(bc)?' })
    const [a, b, c] = ['a', 'b', 'c'].map(text => tokenizer.encode(text, { continues: true })[0]!)
    const [end] = tokenizer.endIds
    expect(constraint.numAllowed([end!])).toBe(0)
    expect(constraint.numAllowed([a!, end!, b!])).toBe(2)
    expect(constraint.numAllowed([a!, b!, end!])).toBe(2)
    expect(await constraint.advance(verdict([a!]))).toMatchObject({ tokens: [a], stopped: false })
    // The last token was drawn where nothing but the end could follow.
    await constraint.masks([b!, c!])
    expect(await constraint.advance(verdict([b!, c!, 7]))).toMatchObject({
      tokens: [b, c],
      numAccepted: 2,
      stopped: true,
    })
  })

  it('goes on after an end token that is ignored', async () => {
    const constraint = await begin({ regex: '[a-z]*' }, [])
    const words = await constraint.masks([])
    expect(allowedIn(words).some(id => tokenizer.endIds.includes(id))).toBe(false)
    expect(constraint.numAllowed([...tokenizer.endIds])).toBe(0)
  })
})

describe('grammars', () => {
  const refused = async (grammar: Grammar): Promise<unknown> =>
    begin(grammar).catch((error: unknown) => isEngineError(error) && [error.code, error.details.argument])

  it('that cannot be compiled are refused, and those that run go on', async () => {
    const running = await begin({ regex: '[ab]+' })
    expect(await refused({ ebnf: 'root ::= (' })).toEqual(['bad-request', 'grammar.ebnf'])
    expect(await refused({ ebnf: 'main ::= "a"' })).toEqual(['bad-request', 'grammar.ebnf'])
    expect(await refused({ regex: '(' })).toEqual(['bad-request', 'grammar.regex'])
    expect(await refused({ schema: { type: 'colour' } })).toEqual(['bad-request', 'grammar.schema'])
    expect(await refused({ regex: '()' })).toEqual(['bad-request', 'grammar'])
    const [a] = tokenizer.encode('a', { continues: true })
    expect(running.numAllowed([a!, a!])).toBe(2)
    expect((await begin({ ebnf: 'root ::= "a" | "b" root' })).numAllowed([a!])).toBe(1)
  }, 30_000)

  it('need what compiles them', async () => {
    const missing = new Grammars('file:///nowhere/xgrammar.js', tokenizer)
    const error: unknown = await missing
      .constrain([request], parseGrammar('json', true)!)
      .catch(reason => reason)
    expect(error).toMatchObject({ code: 'download', details: { package: '@mlc-ai/web-xgrammar' } })
    expect(() => parseGrammar('json', false)).toThrow('install it')
  })
})
