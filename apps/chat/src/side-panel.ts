/** The panel beside the conversation; on a narrow page it covers it. */
import { element } from '@foretoken/look'

export class SidePanel {
  readonly #panel = element('panel', HTMLElement)
  readonly #toggle = element('panel-toggle', HTMLButtonElement)
  readonly #wide = matchMedia('(min-width: 900px)')
  #open = this.#wide.matches

  constructor() {
    this.#toggle.addEventListener('click', () => this.#set(!this.#open))
    element('panel-close', HTMLButtonElement).addEventListener('click', () => this.#leave())
    this.#panel.addEventListener('keydown', event => {
      if (event.key !== 'Escape' || this.#wide.matches) return
      event.stopPropagation()
      this.#leave()
    })
    this.#wide.addEventListener('change', () => this.#set(this.#wide.matches))
    this.#set(this.#open)
  }

  #leave(): void {
    this.#set(false)
    this.#toggle.focus()
  }

  #set(open: boolean): void {
    this.#open = open
    const covers = open && !this.#wide.matches
    document.body.dataset.panel = open ? 'open' : 'closed'
    this.#toggle.setAttribute('aria-expanded', String(open))
    element('main', HTMLElement).inert = covers
    if (covers) this.#panel.focus()
  }
}
