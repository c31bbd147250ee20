/** The prompt, its mode, Send and Stop. */
import { element } from '@foretoken/look'
import type { Mode } from './model-choice.ts'

export interface ComposerActions {
  send(prompt: string): void
  stop(): void
  changeMode(mode: Mode): void
}

const words: Record<Mode, { label: string; placeholder: string }> = {
  continue: { label: 'Text to continue', placeholder: 'Begin a text; the model goes on' },
  chat: { label: 'Message', placeholder: 'Write a message' },
}

export class Composer {
  readonly #form = element('composer', HTMLFormElement)
  readonly #prompt = element('prompt', HTMLTextAreaElement)
  readonly #send = element('send', HTMLButtonElement)
  readonly #stop = element('stop', HTMLButtonElement)
  readonly #actions: ComposerActions
  #canSend = false

  constructor(actions: ComposerActions) {
    this.#actions = actions
    this.#form.addEventListener('submit', event => {
      event.preventDefault()
      this.#submit()
    })
    this.#form.addEventListener('change', event => {
      if (event.target instanceof HTMLInputElement && event.target.name === 'mode') this.#noteMode()
    })
    this.#prompt.addEventListener('keydown', event => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.#submit()
    })
    this.#prompt.addEventListener('input', () => this.#showButtons())
    this.#stop.addEventListener('click', () => actions.stop())
  }

  get mode(): Mode {
    return new FormData(this.#form).get('mode') === 'chat' ? 'chat' : 'continue'
  }

  setMode(mode: Mode): void {
    const radio = this.#form.querySelector<HTMLInputElement>(`input[name="mode"][value="${mode}"]`)
    if (radio) radio.checked = true
    this.#noteMode()
  }

  setState(canSend: boolean, isGenerating: boolean): void {
    const stopHadFocus = document.activeElement === this.#stop
    const sendHadFocus = document.activeElement === this.#send
    this.#canSend = canSend
    this.#stop.hidden = !isGenerating
    this.#send.hidden = isGenerating
    this.#showButtons()
    if (stopHadFocus || sendHadFocus) this.focus()
  }

  focus(): void {
    this.#prompt.focus()
  }

  #submit(): void {
    const prompt = this.#prompt.value
    if (!this.#canSend || prompt.trim() === '') return
    this.#prompt.value = ''
    this.#actions.send(prompt)
  }

  #noteMode(): void {
    const { label, placeholder } = words[this.mode]
    element('prompt-label', HTMLLabelElement).textContent = label
    this.#prompt.placeholder = placeholder
    this.#actions.changeMode(this.mode)
  }

  #showButtons(): void {
    this.#send.disabled = !this.#canSend || this.#prompt.value.trim() === ''
  }
}
