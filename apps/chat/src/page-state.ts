export type PageState = 'loading' | 'ready' | 'generating' | 'error'

/** On the body, for styles and tests; the words are a live region. */
import { element } from '@foretoken/look'
export function setPageState(state: PageState, words: string): void {
  document.body.dataset.state = state
  element('status', HTMLParagraphElement).textContent = words
}

export function pageState(): PageState {
  return document.body.dataset.state as PageState
}

/** Told once by a screen reader, when it has nothing else to say. */
export function announce(words: string): void {
  element('announcer', HTMLParagraphElement).textContent = words
}
