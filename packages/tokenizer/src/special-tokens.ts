/** Finds the tokens that stand for themselves in a text: leftmost first, longest first. */
export class SpecialTokens {
  readonly texts: readonly string[]
  #idOf: ReadonlyMap<string, number>
  #pattern: RegExp | undefined

  constructor(idOf: ReadonlyMap<string, number>) {
    this.#idOf = idOf
    this.texts = [...idOf.keys()].filter(text => text !== '').sort((a, b) => b.length - a.length)
    if (this.texts.length > 0) this.#pattern = new RegExp(this.texts.map(escapePattern).join('|'), 'g')
  }

  /** The ids of special tokens, and the text between them (never empty). */
  split(text: string): (string | number)[] {
    const parts: (string | number)[] = []
    let from = 0
    for (const match of this.#pattern ? text.matchAll(this.#pattern) : []) {
      if (match.index > from) parts.push(text.slice(from, match.index))
      parts.push(this.#idOf.get(match[0])!)
      from = match.index + match[0].length
    }
    if (from < text.length) parts.push(text.slice(from))
    return parts
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
