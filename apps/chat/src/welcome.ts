/** What an empty conversation says, honestly, about the model; and things to try. */
import { element, make, makeButton } from './element.ts'
import type { Mode, ModelChoice } from './model-choice.ts'

interface Words {
  title: string
  text: string
  starters: readonly string[]
}

const bundledStory: Words = {
  title: 'Begin a story',
  text:
    'This page carries a story model of 40 thousand parameters, about a millionth of a large one. ' +
    'It continues simple children’s stories, often oddly. It cannot answer or chat; load another model for that.',
  starters: [
    'Once upon a time, there was a little girl named Lily.',
    'Tom had a red ball. One day, the ball',
    'The sun was warm, and the small dog wanted to',
    'Mom said, "Do not go into the forest." But',
  ],
}

const anyText: Words = {
  title: 'Begin a text',
  text: 'The model goes on from your words as they stand, without a chat template.',
  starters: ['Once upon a time, there was', 'The three most important things about the sea are'],
}

const chat: Words = {
  title: 'Ask something',
  text: 'The conversation goes through the model’s chat template. It runs on this device; nothing you write leaves it.',
  starters: [
    'Explain in two sentences how a smaller model can make a bigger one faster.',
    'List five birds with one fact each.',
    'Write a short letter to a neighbour about a borrowed ladder.',
    'Repeat this, then put it in capitals: the quick brown fox jumps over the lazy dog.',
  ],
}

const bundledChat: Words = {
  ...chat,
  title: 'This model cannot chat',
  text:
    'The bundled story model has no chat template and has never seen a conversation. Expect a story, not an answer; ' +
    'switch back to Continue text, or load a chat model.',
}

export class Welcome {
  readonly #section = element('welcome', HTMLElement)
  readonly #starters = element('starters', HTMLUListElement)
  readonly #onStart: (prompt: string) => void

  constructor(onStart: (prompt: string) => void) {
    this.#onStart = onStart
  }

  set hidden(hidden: boolean) {
    this.#section.hidden = hidden
  }

  render(mode: Mode, choice: ModelChoice | undefined, canStart: boolean): void {
    const { title, text, starters } = choice ? wordsFor(mode, choice) : nothingLoaded
    element('welcome-title', HTMLHeadingElement).textContent = title
    element('welcome-text', HTMLParagraphElement).textContent = text
    this.#starters.replaceChildren(
      ...starters.map(starter => {
        const item = make('li')
        const button = makeButton('', starter, () => this.#onStart(starter))
        button.disabled = !canStart
        button.dataset.testid = 'starter'
        item.append(button)
        return item
      }),
    )
  }
}

const nothingLoaded: Words = {
  title: 'No model is loaded',
  text: 'Choose one at the top of the page, or drop a .gguf file here.',
  starters: [],
}

function wordsFor(mode: Mode, { model }: ModelChoice): Words {
  if (model === 'bundled') return mode === 'chat' ? bundledChat : bundledStory
  return mode === 'chat' ? chat : anyText
}
