/** What loading a model would take on this device: asked while one looks at the list. */
import { preflight } from 'foretoken'
import { asEngineError, isAborted, wordsOf } from './error-words.ts'
import type { ModelChoice } from './model-choice.ts'
import { preflightText } from './preflight-text.ts'

export class ModelCheck {
  #looking: AbortController | undefined
  #result: HTMLElement | undefined

  /** Forgets what was found of the one before. */
  async look({ model, draft }: ModelChoice, result: HTMLElement): Promise<void> {
    this.stop()
    const looking = new AbortController()
    const { signal } = looking
    this.#looking = looking
    this.#result = result
    show(result, 'Reading the headers of its files …', 'waiting')
    try {
      const found = await preflight(model, { ...(draft ? { draft } : {}), signal })
      if (!signal.aborted) show(result, preflightText(found), found.fits ? 'fits' : 'problem')
    } catch (error) {
      if (signal.aborted || isAborted(error)) return
      const failure = asEngineError(error)
      show(result, `${wordsOf(failure).title}: ${failure.message}`, 'problem')
    }
  }

  stop(): void {
    this.#looking?.abort()
    this.#looking = undefined
    if (this.#result) show(this.#result, '', 'waiting')
    this.#result = undefined
  }
}

function show(result: HTMLElement, text: string, state: 'waiting' | 'fits' | 'problem'): void {
  result.textContent = text
  result.dataset.state = state
}
