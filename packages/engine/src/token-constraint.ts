/**
 * One sample's way through its grammar: XGrammar's matcher, which follows the committed tokens. A step is looked at twice:
 * before it is submitted its drafts are walked through, row by row, for the mask of each; once it is read, the
 * tokens that were drawn are taken in, up to where the answer is complete.
 */
import { invariant } from '@foretoken/errors'
import type { Constraint, Verdict } from '@foretoken/scheduler'
import type { Tokenizer } from '@foretoken/tokenizer'
import type { GrammarMatcher } from '@mlc-ai/web-xgrammar'
import { textBytes } from './text-bytes'

/** Ids that end an answer by themselves, and those that this request goes on after. */
export interface Endings {
  ends: ReadonlySet<number>
  ignored: ReadonlySet<number>
}

export class TokenConstraint implements Constraint {
  /** What may follow the committed tokens. */
  #mask: Uint32Array = new Uint32Array()
  /** Of each row of the step under way: nothing but the end may follow its tokens. */
  #isComplete: boolean[] = []
  #forced: readonly number[] | undefined
  #isDisposed = false

  private constructor(
    readonly matcher: GrammarMatcher,
    readonly tokenizer: Tokenizer,
    readonly endings: Endings,
  ) {}

  static async begin(
    matcher: GrammarMatcher,
    tokenizer: Tokenizer,
    endings: Endings,
  ): Promise<TokenConstraint> {
    const constraint = new TokenConstraint(matcher, tokenizer, endings)
    constraint.#mask = await constraint.#nextMask()
    return constraint
  }

  /** Nothing but the end may follow the committed tokens. */
  get isComplete(): boolean {
    return this.#onlyEnds(this.#mask)
  }

  numAllowed(tokens: readonly number[]): number {
    const count = this.#accept(tokens)
    if (count > 0) this.matcher.rollBack(count)
    return count
  }

  forced(): readonly number[] {
    if (!this.#forced) {
      const text = this.matcher.findJumpForwardString()
      const tokens = text === '' ? [] : this.tokenizer.encode(text, { continues: true })
      this.#forced = tokens.slice(0, this.numAllowed(tokens))
    }
    return this.#forced
  }

  /** Of the rows that verify these tokens, which are allowed: [rows, words]. */
  async masks(drafted: readonly number[]): Promise<Uint32Array<ArrayBuffer>> {
    const words = this.#mask.length
    const masks = new Uint32Array((drafted.length + 1) * words)
    masks.set(this.#mask)
    this.#isComplete = [false]
    let count = 0
    for (const token of drafted) {
      // Behind an end token nothing is drawn.
      if (this.endings.ends.has(token)) break
      invariant(this.#accept([token]) === 1, () => `a draft of the forbidden token ${token}`)
      const mask = await this.#nextMask()
      masks.set(mask, ++count * words)
      this.#isComplete.push(this.#onlyEnds(mask))
    }
    if (count > 0) this.matcher.rollBack(count)
    return masks
  }

  /** Takes in what was drawn. The verdict as it stands: cut where the answer is complete, and stopped there. */
  async advance(verdict: Verdict): Promise<Verdict> {
    const complete = this.#isComplete.indexOf(true)
    const end = complete < 0 ? verdict.tokens.length : complete
    const tokens = verdict.tokens.slice(0, end)
    const accepted = this.#accept(tokens)
    invariant(accepted === tokens.length, () => `token ${tokens[accepted]} was drawn and is forbidden`)
    this.#forced = undefined
    const isCut = end < verdict.tokens.length
    if (!isCut && !verdict.stopped) this.#mask = await this.#nextMask()
    const stopped = isCut || verdict.stopped || this.isComplete
    return { ...verdict, tokens, numAccepted: Math.min(verdict.numAccepted, tokens.length), stopped }
  }

  dispose(): void {
    if (!this.#isDisposed) this.matcher.dispose()
    this.#isDisposed = true
  }

  /** How many of these tokens the matcher took in. */
  #accept(tokens: readonly number[]): number {
    const { ends } = this.endings
    let count = 0
    for (const token of tokens) {
      if (!this.#isKnown(token) || !this.matcher.acceptToken(token)) break
      count++
      if (ends.has(token)) break
    }
    return count
  }

  /** XGrammar gives up on a control token that ends nothing. */
  #isKnown(token: number): boolean {
    const { ends, ignored } = this.endings
    return ends.has(token) || (!ignored.has(token) && textBytes(this.tokenizer, token).length > 0)
  }

  async #nextMask(): Promise<Uint32Array> {
    const mask = new Uint32Array((await this.matcher.getNextTokenBitmask()).buffer)
    for (const token of this.endings.ignored) mask[token >> 5]! &= ~(1 << (token & 31))
    return mask
  }

  #onlyEnds(mask: Uint32Array): boolean {
    const rest = mask.slice()
    for (const token of this.endings.ends) rest[token >> 5]! &= ~(1 << (token & 31))
    const { vocabSize } = this.tokenizer
    if (vocabSize % 32 > 0) rest[vocabSize >> 5]! &= (1 << (vocabSize % 32)) - 1
    return rest.every(word => word === 0)
  }
}
