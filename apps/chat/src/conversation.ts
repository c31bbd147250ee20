/** The turns so far and where they are shown. */
import { element } from '@foretoken/look'
import type { Turn } from './turn.ts'
import { type TurnActions, TurnView } from './turn-view.ts'

/** As near to the end as counts as reading along, in px. */
const endZone = 60

export class Conversation {
  readonly turns: Turn[] = []
  readonly #views = new Map<Turn, TurnView>()
  readonly #root = element('conversation', HTMLDivElement)
  readonly #scroller = element('scroller', HTMLDivElement)
  readonly #toEnd = element('to-end', HTMLButtonElement)
  readonly #actions: TurnActions
  #tinted = false
  #follows = true

  constructor(actions: TurnActions) {
    this.#actions = actions
    this.#scroller.tabIndex = 0 // the keyboard can scroll it
    this.#scroller.addEventListener('scroll', () => this.#noteScroll())
    // An alert or a keyboard on the screen takes room: the end stays in sight.
    new ResizeObserver(() => this.#keepUp()).observe(this.#scroller)
    this.#toEnd.addEventListener('click', () => this.#scrollToEnd())
  }

  add(turn: Turn): void {
    const earlier = this.turns.at(-1)
    this.turns.push(turn)
    const view = new TurnView(turn, this.#actions)
    view.reset(this.#tinted)
    this.#views.set(turn, view)
    this.#root.append(view.element)
    if (earlier) this.#views.get(earlier)?.render(false, false)
  }

  clear(): void {
    this.turns.length = 0
    this.#views.clear()
    this.#root.replaceChildren()
    this.#noteScroll()
  }

  /** The last turn has begun anew. */
  restart(turn: Turn): void {
    this.#views.get(turn)?.reset(this.#tinted)
  }

  /** Keeps up with the end. The button that began this may be gone: the keyboard stays in the conversation. */
  follow(): void {
    this.#follows = true
    if (!(document.activeElement instanceof HTMLTextAreaElement))
      this.#scroller.focus({ preventScroll: true })
  }

  render(turn: Turn, isRunning: boolean): void {
    this.#views.get(turn)?.render(turn === this.turns.at(-1), isRunning)
    this.#keepUp()
  }

  setTinted(tinted: boolean, running: Turn | undefined): void {
    this.#tinted = tinted
    for (const [turn, view] of this.#views) {
      view.reset(tinted)
      view.render(turn === this.turns.at(-1), turn === running)
    }
  }

  #keepUp(): void {
    if (this.#follows && this.turns.length > 0) this.#scrollToEnd()
    else this.#noteScroll()
  }

  #noteScroll(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    this.#follows = scrollHeight - scrollTop - clientHeight < endZone
    this.#toEnd.hidden = this.#follows || this.turns.length === 0
  }

  #scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#noteScroll()
  }
}
