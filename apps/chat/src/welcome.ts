/** What an empty conversation says, honestly, about the model; and things to try. */
import { element, make, makeButton } from '@foretoken/look'
import type { Mode, ModelChoice } from './model-choice.ts'

interface Starter {
  label: string
  prompt: string
}

interface Words {
  title: string
  text: string
  starters: readonly Starter[]
}

/** A starter whose label is its prompt. */
const plain = (prompt: string): Starter => ({ label: prompt, prompt })

const bundledChat: Words = {
  title: 'Ask for a tale',
  text:
    'This page carries a model of 3 million parameters, about a thousandth of a large one. It tells short fairy tales, ' +
    'copies and changes short texts, and quotes from them, often the wrong sentence. Ask it anything else and it will ' +
    'make something up.',
  starters: [
    plain('Tell me a story about a fox.'),
    {
      label: 'Change Flora to Greta in a short text',
      prompt:
        'Change Flora to Greta.\n\n' +
        'The king sent for Flora and asked her what she had seen. "I saw a ship with golden sails," answered Flora, "and ' +
        'it was coming from the north." Then the king rose from his chair and gave Flora his own horse, so that she ' +
        'might ride to the sea.',
    },
    {
      label: 'Quote the sentences that mention the road',
      prompt:
        'Quote the sentences that mention road.\n\n' +
        'The queen gave her daughter a golden apple and a white horse. The wolf was sitting by the road when she came. ' +
        '"Where are you going?" asked the wolf. "To my grandmother," answered the girl, and she rode on.',
    },
    {
      label: 'Add a line to a TypeScript function',
      prompt:
        'Add a line that logs total before the return.\n\n' +
        'function addPrice(price: number, count: number): number {\n  const total = price + count\n  return total\n}',
    },
  ],
}

const bundledStory: Words = {
  title: 'Begin a tale',
  text: 'The model goes on from your words in the manner of the old fairy tales that it has read. Often oddly.',
  starters: [
    plain('Once upon a time there was a king who had three sons.'),
    plain('The wolf knocked at the door, and the old woman said,'),
    plain('Far out in the sea, where the water is as blue as the cornflower,'),
  ],
}

const anyText: Words = {
  title: 'Begin a text',
  text: 'The model goes on from your words as they stand, without a chat template.',
  starters: [
    plain('Once upon a time, there was'),
    plain('The three most important things about the sea are'),
  ],
}

const chat: Words = {
  title: 'Ask something',
  text: 'The conversation goes through the model’s chat template. It runs on this device; nothing you write leaves it.',
  starters: [
    plain('Explain in two sentences how a smaller model can make a bigger one faster.'),
    plain('List five birds with one fact each.'),
    plain('Write a short letter to a neighbour about a borrowed ladder.'),
    plain('Repeat this, then put it in capitals: the quick brown fox jumps over the lazy dog.'),
  ],
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
      ...starters.map(({ label, prompt }) => {
        const item = make('li')
        const button = makeButton('', label, () => this.#onStart(prompt))
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
