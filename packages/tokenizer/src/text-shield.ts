import type { SpecialTokens } from './special-tokens'

/** UTF-16 code unit c stands in as U+F0000 + c, in a plane that is for private use. */
const plane = 0xf0000
const isStandIn = /[\u{F0000}-\u{FFFFF}]/u
const standIns = /[\u{F0000}-\u{FFFFF}]/gu

/** A character, one or two code units, as stand-ins. */
const standIn = (character: string) =>
  Array.from({ length: character.length }, (_, i) =>
    String.fromCodePoint(plane + character.charCodeAt(i)),
  ).join('')

/**
 * Keeps text that a template weaves in from being read as control tokens. A covered text is what it
 * was but for single characters that have a stand-in, so a template may still trim, compare and cut it.
 */
export class TextShield {
  #control: SpecialTokens
  /** Beginnings and ends of control tokens, without the whole ones. */
  #heads = new Set<string>()
  #tails = new Set<string>()
  #longest = 0

  constructor(control: SpecialTokens) {
    this.#control = control
    for (const token of control.texts) {
      this.#longest = Math.max(this.#longest, token.length)
      for (let cut = 1; cut < token.length; cut++) {
        this.#heads.add(token.slice(0, cut))
        this.#tails.add(token.slice(cut))
      }
    }
  }

  /** Text that holds no control token, and forms none with what stands before or behind it. */
  cover(text: string): string {
    const inner = text.trim()
    const isInside = inner !== '' && this.#control.texts.some(token => token.includes(inner))
    const once = (character: string) => (isStandIn.test(character) ? character : standIn(character))
    let covered = this.coverWhole(text)
    if (isInside || this.#endsToken(inner)) covered = covered.replace(/\S/u, once)
    if (isInside || this.#beginsToken(inner)) covered = covered.replace(/\S(?=\s*$)/u, once)
    return covered
  }

  /** Like `cover`, for a role: a template may build a control token around it. */
  coverWhole(text: string): string {
    const escaped = text.replace(standIns, standIn)
    return this.#control.replaceAll(escaped, token => standIn(token[0]!) + token.slice(1))
  }

  /** The text as it was before it was covered. */
  static uncover(text: string): string {
    return text.replace(standIns, character => String.fromCharCode(character.codePointAt(0)! - plane))
  }

  #endsToken(text: string): boolean {
    for (let length = 1; length < this.#longest; length++) {
      if (this.#tails.has(text.slice(0, length))) return true
    }
    return false
  }

  #beginsToken(text: string): boolean {
    for (let length = 1; length < this.#longest; length++) {
      if (this.#heads.has(text.slice(-length))) return true
    }
    return false
  }
}
