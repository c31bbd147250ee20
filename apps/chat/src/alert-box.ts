/** The page's one alert: what failed, what to do about it, and the details for those who want them. */
import { element, make, makeButton } from '@foretoken/look'
import type { EngineError } from 'foretoken'
import { findingOf, wordsOf } from './error-words.ts'

export interface Remedy {
  words: string
  act(): void
}

export class AlertBox {
  readonly #box = element('alert', HTMLDivElement)

  show(error: EngineError, remedies: readonly Remedy[] = []): void {
    const { title, advice } = wordsOf(error)
    const nodes: Node[] = [make('h2', '', title), make('p', '', error.message)]
    const finding = findingOf(error)
    if (finding) nodes.push(make('p', '', finding))
    if (advice) nodes.push(make('p', 'quiet', advice))
    nodes.push(detailsOf(error), this.#actions(remedies))
    this.#open(nodes)
  }

  /** A page that cannot start at all: no details, nothing to dismiss. */
  showFinal(title: string, paragraphs: readonly string[]): void {
    this.#open([make('h2', '', title), ...paragraphs.map(text => make('p', '', text))])
  }

  hide(): void {
    this.#box.hidden = true
    this.#box.replaceChildren()
  }

  #open(nodes: Node[]): void {
    this.#box.hidden = false
    this.#box.replaceChildren(...nodes)
    this.#box.scrollTop = 0
  }

  #actions(remedies: readonly Remedy[]): HTMLElement {
    const actions = make('div', 'alert-actions')
    for (const { words, act } of remedies) {
      actions.append(
        makeButton('button', words, () => {
          this.hide()
          act()
        }),
      )
    }
    actions.append(makeButton('text-button', 'Dismiss', () => this.hide()))
    return actions
  }
}

function detailsOf(error: EngineError): HTMLElement {
  const details = make('details')
  const text = JSON.stringify({ code: error.code, ...error.details }, withBigInts, 2)
  details.append(make('summary', '', 'Details'), make('pre', '', text))
  return details
}

function withBigInts(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
