/**
 * What a grammar leaves no choice about, such as the names of a schema's properties: drafted for nothing. The text is
 * certain, the tokens that the target writes it with are not quite, so they are verified like any guess.
 */
import type { Drafter, Proposal } from './drafter'
import type { Estimates } from './estimates'
import { addGuess } from './lookup-drafter'
import type { Sequence } from './sequence'

export class GrammarDrafter implements Drafter {
  readonly method = 'grammar'

  constructor(readonly estimates: Estimates) {}

  propose(sequence: Sequence, most: number): Proposal | undefined {
    const tokens = sequence.request.constraint?.forced().slice(0, most) ?? []
    if (tokens.length === 0) return undefined
    const gains = this.estimates.survival(this.method, sequence).slice(0, tokens.length)
    return {
      offer: { method: this.method, gains },
      tokens,
      most: gains.length,
      add: (step, depth) => addGuess(step, sequence, { tokens: tokens.slice(0, depth) }),
    }
  }
}
