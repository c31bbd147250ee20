/** Markdown that grows: only blocks whose source changed are made again. */
import createPurifier from 'dompurify'
import { Marked, type Token } from 'marked'

/** HTML and images stay the words that they are: nothing of the text is lost, nothing is fetched. */
const markdown = new Marked({
  gfm: true,
  breaks: true,
  renderer: { html: token => asWritten(token.raw), image: token => asWritten(token.raw) },
})
const purifier = createPurifier(window)

purifier.addHook('afterSanitizeAttributes', node => {
  if (node.tagName !== 'A') return
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer')
})

const allowed = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'em', 'strong', 'del', 'code', 'pre', 'blockquote', 'a', 'ul', 'ol', 'li'],
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  ALLOWED_ATTR: ['href', 'start', 'title', 'align'],
  RETURN_DOM_FRAGMENT: true as const,
}

interface Block {
  source: string
  element: HTMLElement
}

export class MarkdownView {
  readonly #root: HTMLElement
  readonly #blocks: Block[] = []

  constructor(root: HTMLElement) {
    this.#root = root
  }

  render(text: string): void {
    const tokens = markdown.lexer(text.trim()).filter(token => token.type !== 'space')
    tokens.forEach((token, index) => {
      this.#renderBlock(token, index)
    })
    for (const block of this.#blocks.splice(tokens.length)) block.element.remove()
  }

  #renderBlock(token: Token, index: number): void {
    const known = this.#blocks[index]
    if (known?.source === token.raw) return
    const element = known?.element ?? this.#root.appendChild(document.createElement('div'))
    element.replaceChildren(purifier.sanitize(markdown.parser([token]), allowed))
    this.#blocks[index] = { source: token.raw, element }
  }
}

function asWritten(source: string): string {
  const text = document.createElement('p')
  text.textContent = source
  return text.innerHTML
}
