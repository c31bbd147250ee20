/** One turn in the conversation: the prompt and the answer, with their actions. */
import { countText, make, makeButton, rateText, ratioText, shareText } from '@foretoken/look'
import type { AnswerEnd } from './answer.ts'
import { MarkdownView } from './markdown-view.ts'
import { TintedView } from './tinted-view.ts'
import type { Turn } from './turn.ts'

export interface TurnActions {
  regenerate(turn: Turn): void
  goOn(turn: Turn): void
}

const endWords: Record<AnswerEnd, string> = {
  stop: '',
  length: 'length limit',
  stopped: 'stopped',
  failed: 'failed',
}

export class TurnView {
  readonly element = make('div', 'turn')
  readonly #turn: Turn
  readonly #text = make('div', 'message-text')
  readonly #legend = make('p', 'legend')
  readonly #figures = make('p', 'message-figures')
  readonly #actions = make('div', 'message-actions')
  readonly #regenerate: HTMLButtonElement
  readonly #goOn: HTMLButtonElement
  #body: MarkdownView | TintedView | undefined

  constructor(turn: Turn, actions: TurnActions) {
    this.#turn = turn
    this.#regenerate = makeButton('text-button', 'Regenerate', () => actions.regenerate(turn))
    this.#regenerate.dataset.testid = 'regenerate'
    this.#goOn = makeButton('text-button', 'Continue', () => actions.goOn(turn))
    this.#goOn.dataset.testid = 'go-on'
    this.#actions.append(
      copyButton(() => turn.answer.text),
      this.#regenerate,
      this.#goOn,
    )
    this.element.append(this.#prompt(), this.#answer())
  }

  #prompt(): HTMLElement {
    const message = messageOf('user', this.#turn.mode === 'chat' ? 'You' : 'Your text')
    const actions = make('div', 'message-actions')
    actions.append(copyButton(() => this.#turn.prompt))
    message.append(make('div', 'message-text', this.#turn.prompt), actions)
    return message
  }

  #answer(): HTMLElement {
    const message = messageOf('assistant', 'Model')
    message.append(this.#text, this.#legend, this.#figures, this.#actions)
    return message
  }

  /** Shows the answer from its beginning again, in Markdown or tinted. */
  reset(tinted: boolean): void {
    this.#text.replaceChildren()
    this.#text.className = tinted ? 'message-text tinted' : 'message-text markdown'
    this.#body = tinted ? new TintedView(this.#text) : new MarkdownView(this.#text)
    this.#legend.hidden = !tinted
  }

  render(isLast: boolean, isRunning: boolean): void {
    const { answer, mode } = this.#turn
    if (this.#body instanceof TintedView) this.#body.render(answer.runs)
    else this.#body?.render(answer.text)
    this.#text.classList.toggle('waiting', isRunning && answer.text === '')
    this.element.setAttribute('aria-busy', String(isRunning))
    this.#renderLegend()
    this.#figures.textContent = this.#figuresText()
    this.#actions.hidden = isRunning
    this.#regenerate.hidden = !isLast
    const cutOff = answer.end === 'length' || answer.end === 'stopped'
    this.#goOn.hidden = !(isLast && mode === 'continue' && cutOff)
  }

  #renderLegend(): void {
    if (this.#legend.hidden) return
    const { target, draft, lookup } = this.#turn.answer.counts
    this.#legend.replaceChildren(legendItem('', 'By the model', target))
    if (draft > 0) this.#legend.append(legendItem('run run-draft', 'Drafted', draft))
    if (lookup > 0) this.#legend.append(legendItem('run run-lookup', 'Looked up', lookup))
    this.#legend.title = 'A tinted stretch is what one step added; point at it for its tokens.'
  }

  #figuresText(): string {
    const { figures, seed, end } = this.#turn.answer
    if (figures.numSteps === 0) return end ? endWords[end] : ''
    const parts = [
      figures.numTokens === 1 ? '1 token' : `${countText(figures.numTokens)} tokens`,
      `${rateText(figures.tokensPerSecond)} per second`,
      `${ratioText(figures.tokensPerStep)} per step`,
      figures.acceptance === undefined ? '' : `${shareText(figures.acceptance)} accepted`,
      end && seed !== undefined ? `seed ${seed}` : '',
      end ? endWords[end] : '',
    ]
    return parts.filter(part => part !== '').join(' · ')
  }
}

function messageOf(role: 'user' | 'assistant', author: string): HTMLElement {
  const message = make('article', 'message')
  message.dataset.testid = 'message'
  message.dataset.role = role
  message.append(make('h3', 'visually-hidden', author))
  return message
}

function legendItem(sampleClass: string, words: string, count: number): HTMLElement {
  const item = make('span')
  item.append(make('span', `legend-sample ${sampleClass}`, words), countText(count))
  return item
}

function copyButton(text: () => string): HTMLButtonElement {
  const button = makeButton('text-button', 'Copy', async () => {
    try {
      await navigator.clipboard.writeText(text().trim())
      button.textContent = 'Copied'
    } catch {
      button.textContent = 'Copying was refused'
    }
    setTimeout(() => {
      button.textContent = 'Copy'
    }, 1500)
  })
  return button
}
