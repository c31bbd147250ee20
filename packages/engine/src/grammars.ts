/** The grammars of an engine's requests: compiled against its vocabulary, at the first request of each, and kept. */
import type { SequenceRequest } from '@foretoken/scheduler'
import type { Tokenizer } from '@foretoken/tokenizer'
import type { CompiledGrammar, GrammarCompiler } from '@mlc-ai/web-xgrammar'
import { bad } from './argument'
import type { GrammarText } from './grammar'
import { textBytes } from './text-bytes'
import { TokenConstraint } from './token-constraint'
import { GrammarTrial, loadXGrammar, parse, type XGrammar } from './xgrammar'

/** Compiled grammars that are kept. */
const MAX_KEPT = 32

interface Compiler {
  xgrammar: XGrammar
  compiler: GrammarCompiler
}

type Constrained = SequenceRequest & { constraint: TokenConstraint }

export class Grammars {
  /** By text; the one used last stands last. */
  readonly #compiled = new Map<string, Promise<CompiledGrammar>>()
  readonly #trial: GrammarTrial
  #compiler: Promise<Compiler> | undefined

  constructor(
    readonly address: string,
    readonly tokenizer: Tokenizer,
  ) {
    this.#trial = new GrammarTrial(address)
  }

  /** The samples of a request, each with a way of its own through the grammar. */
  async constrain(samples: readonly SequenceRequest[], grammar: GrammarText): Promise<Constrained[]> {
    const compiled = await this.#compile(grammar)
    const constrained: Constrained[] = []
    for (const sample of samples) {
      constrained.push({ ...sample, constraint: await this.#begin(compiled, sample.endIds) })
    }
    if (!constrained[0]!.constraint.isComplete) return constrained
    for (const { constraint } of constrained) constraint.dispose()
    throw bad('grammar', grammar.text, 'what allows more than the empty text')
  }

  async #begin(compiled: CompiledGrammar, endIds: readonly number[]): Promise<TokenConstraint> {
    const { xgrammar } = await this.#open()
    // A stop token that is text is text to the grammar.
    const ends = endIds.filter(id => this.tokenizer.tokenBytes(id).length === 0)
    const ignored = this.tokenizer.endIds.filter(id => !ends.includes(id))
    const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(compiled, [...ends, ...ignored])
    return TokenConstraint.begin(matcher, this.tokenizer, { ends: new Set(ends), ignored: new Set(ignored) })
  }

  #compile(grammar: GrammarText): Promise<CompiledGrammar> {
    const key = JSON.stringify(grammar)
    const compiled = this.#compiled.get(key) ?? this.#compileAnew(grammar)
    this.#compiled.delete(key)
    this.#compiled.set(key, compiled)
    // What could not be compiled is not kept.
    compiled.catch(() => this.#compiled.delete(key))
    for (const [oldest, old] of this.#compiled) {
      if (this.#compiled.size <= MAX_KEPT) break
      this.#compiled.delete(oldest)
      void old.then(each => each.dispose())
    }
    return compiled
  }

  async #compileAnew(grammar: GrammarText): Promise<CompiledGrammar> {
    await this.#trial.parse(grammar)
    const { xgrammar, compiler } = await this.#open()
    const parsed = await parse(xgrammar, grammar)
    try {
      return await compiler.compileGrammar(parsed)
    } finally {
      parsed.dispose()
    }
  }

  /** The vocabulary as XGrammar takes it: the bytes of each token, none of control tokens, which no grammar allows. */
  #open(): Promise<Compiler> {
    const open = async (): Promise<Compiler> => {
      const xgrammar = await loadXGrammar(this.address)
      const { vocabSize, endIds } = this.tokenizer
      const vocabulary = Array.from({ length: vocabSize }, (_, id) => textBytes(this.tokenizer, id))
      const info = await xgrammar.TokenizerInfo.createTokenizerInfo(
        vocabulary as unknown as string[], // bytes are taken as they are
        'raw',
        false,
        vocabSize,
        [...endIds],
      )
      return { xgrammar, compiler: await xgrammar.GrammarCompiler.createGrammarCompiler(info, false) }
    }
    this.#compiler ??= open()
    this.#compiler.catch(() => {
      this.#compiler = undefined
    })
    return this.#compiler
  }
}
