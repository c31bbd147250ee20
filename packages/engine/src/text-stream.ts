/**
 * Text of a growing answer. It gives out only what is certain: whole characters, and nothing that may still turn
 * out to be the beginning of a stop text.
 */
import type { StreamingDecoder } from '@foretoken/tokenizer'

export class TextStream {
  #held = ''
  readonly #decoder: StreamingDecoder
  readonly #stops: readonly string[]

  constructor(decoder: StreamingDecoder, stops: readonly string[]) {
    this.#decoder = decoder
    this.#stops = stops
  }

  /** Text that became certain with this token, and whether a stop text was completed. */
  push(token: number): { text: string; stopped: boolean } {
    return this.#take(this.#decoder.push(token))
  }

  /** The rest, at the end of the answer. */
  flush(): { text: string; stopped: boolean } {
    const { text, stopped } = this.#take(this.#decoder.flush())
    const rest = stopped ? '' : this.#held
    this.#held = ''
    return { text: text + rest, stopped }
  }

  #take(added: string): { text: string; stopped: boolean } {
    this.#held += added
    const hits = this.#stops.map(stop => this.#held.indexOf(stop)).filter(at => at >= 0)
    if (hits.length > 0) {
      const text = this.#held.slice(0, Math.min(...hits))
      this.#held = ''
      return { text, stopped: true }
    }
    const certain = this.#held.length - this.#unsureLength()
    const text = this.#held.slice(0, certain)
    this.#held = this.#held.slice(certain)
    return { text, stopped: false }
  }

  /** Length of the longest end of the held text that begins a stop text. */
  #unsureLength(): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, this.#held.length); length > longest; length--) {
        if (this.#held.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }
}
