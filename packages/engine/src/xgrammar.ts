/**
 * @mlc-ai/web-xgrammar 0.1.27 as it has to be taken. Delete what is worked around here when the package exports ES names,
 * throws errors, and forbids control characters in strings of a given length.
 *
 * - Its file is UMD though its package says "type": "module": `import` gives no names, they land on the global object.
 * - A grammar that cannot be parsed aborts the WebAssembly instance, with all grammars and matchers in it, and
 *   the reason goes to the console alone (LogFatalImpl in web/src/xgrammar_binding.cc). So a grammar is parsed first in
 *   an instance that may end, and that is listened to.
 * - A string with minLength or maxLength may hold control characters, which JSON does not allow.
 */
import { EngineError } from '@foretoken/errors'
import type { Grammar } from '@mlc-ai/web-xgrammar'
import { GRAMMAR_PACKAGE, type GrammarText } from './grammar'

export type XGrammar = typeof import('@mlc-ai/web-xgrammar')

const laxCharacter = String.raw`[^\"\\\r\n]`
const jsonCharacter = String.raw`[^\0-\x1f\"\\\r\n]`
let numLoaded = 0

/** An instance of its own: the fragment makes the address a new one. */
export async function loadXGrammar(address: string): Promise<XGrammar> {
  try {
    const module = await import(/* @vite-ignore */ `${address}#${numLoaded++}`)
    const places: Array<Partial<XGrammar> | undefined> = [
      module,
      module.default,
      (globalThis as { xgrammar?: XGrammar }).xgrammar,
    ]
    const found = places.find(names => names?.GrammarCompiler)
    if (!found) throw new Error('it is another module')
    return found as XGrammar
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `${GRAMMAR_PACKAGE} could not be loaded from ${address}: ${reason}. Is it installed?`
    throw new EngineError('download', message, { url: address, reason, package: GRAMMAR_PACKAGE }, error)
  }
}

/** JSON on one line: whitespace of a model's own choice could go on for ever, and leaves less that is certain. */
export async function parse({ Grammar }: XGrammar, { kind, text, strict }: GrammarText): Promise<Grammar> {
  if (kind === 'ebnf') return Grammar.fromEBNF(text)
  if (kind === 'regex')
    return Grammar.fromStructuralTag({ type: 'structural_tag', format: { type: 'regex', pattern: text } })
  const lax = await Grammar.fromJSONSchema(text, false, -1, undefined, strict)
  const rules = lax.toString().replaceAll(laxCharacter, jsonCharacter)
  lax.dispose()
  return Grammar.fromEBNF(rules)
}

/** Finds out what is wrong with a grammar. */
export class GrammarTrial {
  #instance: Promise<TrialInstance> | undefined

  constructor(readonly address: string) {}

  async parse(grammar: GrammarText): Promise<void> {
    this.#instance ??= openTrial(this.address)
    const opening = this.#instance
    opening.catch(() => {
      this.#instance = undefined
    })
    const { xgrammar, said } = await opening
    try {
      const parsed = await parse(xgrammar, grammar)
      parsed.dispose()
    } catch (error) {
      this.#instance = undefined
      throw cannotCompile(grammar, reasonIn(said) ?? String(error))
    }
  }
}

interface TrialInstance {
  xgrammar: XGrammar
  said: string[]
}

/** The instance finds the console when it begins, and keeps to it. */
async function openTrial(address: string): Promise<TrialInstance> {
  const xgrammar = await loadXGrammar(address)
  const said: string[] = []
  const { error } = console
  let isOpen = false
  console.error = (...words: unknown[]) => {
    if (isOpen) said.push(words.join(' '))
    else error.apply(console, words)
  }
  try {
    const first = await xgrammar.Grammar.fromEBNF('root ::= "a"')
    first.dispose()
  } finally {
    console.error = error
    isOpen = true
  }
  return { xgrammar, said }
}

/** Of "[FATAL] /somewhere/grammar_parser.cc:552: EBNF parser error at …". */
const reasonIn = (said: readonly string[]): string | undefined =>
  said.map(line => /^\[FATAL\] .*?:\d+: (.+)/.exec(line)?.[1]).findLast(reason => reason !== undefined)

function cannotCompile({ kind, text }: GrammarText, reason: string): EngineError {
  const argument = `grammar.${kind}`
  const message = `"${argument}" cannot be compiled: ${reason.trim()}`
  const details = { argument, value: text.slice(0, 200), allowed: 'what XGrammar compiles' }
  return new EngineError('bad-request', message, { ...details, reason: reason.trim() })
}
