/**
 * An n-gram cache across conversations: what the text itself has shown comes first, by lax thresholds, then what all
 * others have, by strict ones (llama.cpp's context and dynamic caches). It has to know the last tokens on the CPU, so a
 * step that is to use it waits for the verdict of the one before.
 */
import { allowedGuess } from './constraint'
import type { Drafter, Proposal } from './drafter'
import type { Estimates } from './estimates'
import { addGuess } from './lookup-drafter'
import { LAX, MAX_N, NgramCache, STRICT } from './ngram-cache'
import type { Offer } from './policy'
import type { Sequence } from './sequence'
import type { Step } from './step'
import { VerdictWait } from './verdict-wait'

export class CacheDrafter implements Drafter {
  readonly method = 'cache'
  /** What each running text has shown, prompt included. */
  readonly #contexts = new WeakMap<Sequence, { ngrams: NgramCache; length: number }>()

  readonly #wait: VerdictWait

  constructor(
    readonly estimates: Estimates,
    /** What all texts have shown that were generated. */
    readonly shared: NgramCache,
    waitMs: () => number,
  ) {
    this.#wait = new VerdictWait(waitMs)
  }

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    const { tokens } = allowedGuess(sequence, { tokens: this.#guess(sequence, most) })
    this.#wait.look(sequence, Number(tokens.length > 0))
    if (tokens.length === 0) return undefined
    const gains = this.estimates.survival(this.method, sequence).slice(0, tokens.length)
    const offer: Offer = { method: this.method, gains }
    return {
      offer: current ? this.#wait.hope(offer, 1) : offer,
      most: gains.length,
      add: (step, depth) => addGuess(step, sequence, { tokens: tokens.slice(0, depth) }),
    }
  }

  learn({ tokens }: Sequence, numTokens: number): void {
    this.shared.learn(tokens, numTokens)
  }

  #guess(sequence: Sequence, most: number): number[] {
    const context = this.#contextOf(sequence)
    const tail = sequence.tokens.slice(-MAX_N)
    const guessed: number[] = []
    while (guessed.length < most) {
      const token = context.next(tail, LAX) ?? this.shared.next(tail, STRICT)
      if (token === undefined) break
      guessed.push(token)
      tail.push(token)
    }
    return guessed
  }

  /** Brought up to date when it is needed: a sequence that never asks costs nothing. */
  #contextOf(sequence: Sequence): NgramCache {
    const context = this.#contexts.get(sequence) ?? { ngrams: new NgramCache(), length: 0 }
    context.ngrams.learn(sequence.tokens, sequence.length - context.length)
    context.length = sequence.length
    this.#contexts.set(sequence, context)
    return context.ngrams
  }
}
