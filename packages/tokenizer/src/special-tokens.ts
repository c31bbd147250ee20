const spacesBefore = /\p{White_Space}+$/u
const spacesAfter = /\p{White_Space}*/uy

/** A token that stands for itself in a text. */
export interface SpecialToken {
  id: number
  /** What stands for it, where that is not what it stands for. */
  text?: string
  /** White space before it, or behind it, belongs to it. */
  takesBefore?: boolean
  takesAfter?: boolean
}

/** Finds the tokens that stand for themselves in a text: leftmost first, longest first. */
export class SpecialTokens {
  readonly texts: readonly string[]
  #tokens: ReadonlyMap<string, SpecialToken>
  #pattern: RegExp | undefined

  constructor(tokens: ReadonlyMap<string, SpecialToken>) {
    this.#tokens = tokens
    this.texts = [...tokens.keys()].filter(text => text !== '').sort((a, b) => b.length - a.length)
    if (this.texts.length > 0) this.#pattern = new RegExp(this.texts.map(escapePattern).join('|'), 'g')
  }

  /** The ids of special tokens, and the text between them (never empty). */
  split(text: string): (string | number)[] {
    const parts: (string | number)[] = []
    let from = 0
    for (const { 0: found, index } of this.#pattern ? text.matchAll(this.#pattern) : []) {
      if (index < from) continue
      const { id, takesBefore, takesAfter } = this.#tokens.get(found)!
      const before = text.slice(from, index)
      parts.push(takesBefore ? before.replace(spacesBefore, '') : before, id)
      spacesAfter.lastIndex = from = index + found.length
      if (takesAfter) from += spacesAfter.exec(text)![0].length
    }
    parts.push(text.slice(from))
    return parts.filter(part => part !== '')
  }

  /** The text with every special token changed by `replace`, until none is left. */
  replaceAll(text: string, replace: (token: string) => string): string {
    if (!this.#pattern) return text
    let replaced = text
    while (replaced.search(this.#pattern) !== -1) replaced = replaced.replace(this.#pattern, replace)
    return replaced
  }
}

const escapePattern = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
