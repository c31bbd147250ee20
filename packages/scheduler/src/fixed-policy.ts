/** The same depth at every step, whatever it costs and brings. */
import {
  type Choice,
  type Contender,
  choiceOf,
  type Method,
  OFF,
  type Policy,
  type Situation,
} from './policy'

export interface FixedOptions {
  /** Whoever offers most, sequence by sequence, where it is left open. */
  method?: Method
  depth?: number
}

export class FixedPolicy implements Policy {
  readonly #method: Method | undefined
  readonly #depth: number

  constructor({ method, depth = 4 }: FixedOptions = {}) {
    this.#method = method
    this.#depth = depth
  }

  choose({ contenders, freeRows }: Situation): Choice[] {
    let free = freeRows
    return contenders.map(contender => {
      const offer = this.#offer(contender)
      // A wait that is most likely for nothing.
      if (!offer || (offer.chance ?? 1) < 0.5) return OFF
      const depth = Math.min(this.#depth, free, offer.gains.length)
      free -= depth
      return depth > 0 ? choiceOf(offer, depth) : OFF
    })
  }

  #offer({ offers }: Contender): Contender['offers'][number] | undefined {
    if (this.#method) return offers.find(({ method }) => method === this.#method)
    const gain = ({ gains }: { gains: readonly number[] }): number =>
      gains.slice(0, this.#depth).reduce((sum, g) => sum + g, 0)
    return offers.toSorted((a, b) => gain(b) - gain(a))[0]
  }
}

/** The same choice for all who can. */
export const everywhere = (situation: Situation, { method, depth }: Choice): Choice[] =>
  method === 'off'
    ? situation.contenders.map(() => OFF)
    : new FixedPolicy({ method, depth }).choose(situation)
