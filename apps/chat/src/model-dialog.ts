/** Choosing a model: from the list, an address or a file, each with a draft if one likes. */
import { element, make } from '@foretoken/look'
import { ModelCheck } from './model-check.ts'
import { choiceOfAddress, guessMode, type ModelChoice } from './model-choice.ts'
import {
  choiceOfListed,
  isAlike,
  type ListedFile,
  type ListedModel,
  modelList,
  sizeText,
} from './model-list.ts'

export class ModelDialog {
  readonly #dialog = element('models', HTMLDialogElement)
  readonly #form = element('models-form', HTMLFormElement)
  readonly #url = element('model-url', HTMLInputElement)
  readonly #draftUrl = element('draft-url', HTMLInputElement)
  readonly #file = element('model-file', HTMLInputElement)
  readonly #draftFile = element('draft-file', HTMLInputElement)
  readonly #problem = element('models-problem', HTMLParagraphElement)
  readonly #draftBoxes = new Map<ListedModel, HTMLInputElement>()
  readonly #check = new ModelCheck()

  constructor(onChoose: (choice: ModelChoice) => void) {
    element('model-cards', HTMLDivElement).append(
      ...modelList.map((model, index) => this.#card(model, index)),
    )
    this.#select('0')
    element('model-open', HTMLButtonElement).addEventListener('click', () => this.#open())
    element('models-close', HTMLButtonElement).addEventListener('click', () => this.close())
    this.#dialog.addEventListener('close', () => this.#check.stop())
    for (const input of [this.#url, this.#draftUrl])
      input.addEventListener('input', () => this.#select('url'))
    for (const input of [this.#file, this.#draftFile])
      input.addEventListener('change', () => this.#select('file'))
    this.#form.addEventListener('submit', event => {
      event.preventDefault()
      const choice = this.#choice()
      if (!choice) return
      this.close()
      onChoose(choice)
    })
  }

  close(): void {
    this.#dialog.close()
  }

  #open(): void {
    this.#problem.textContent = ''
    this.#dialog.showModal()
    this.#form.querySelector<HTMLInputElement>('input[name="model"]:checked')?.focus()
  }

  #select(value: string): void {
    const radio = this.#form.querySelector<HTMLInputElement>(`input[name="model"][value="${value}"]`)
    if (radio) radio.checked = true
    this.#problem.textContent = ''
    this.#check.stop()
  }

  #choose(model: ListedModel, index: number, result: HTMLElement): void {
    this.#select(String(index))
    void this.#check.look(this.#listedChoice(model), result)
  }

  #listedChoice(model: ListedModel): ModelChoice {
    return choiceOfListed(model, this.#draftBoxes.get(model)?.checked ?? false)
  }

  #choice(): ModelChoice | undefined {
    const value = String(new FormData(this.#form).get('model'))
    if (value === 'url') return this.#addressChoice()
    if (value === 'file') return this.#fileChoice()
    const model = modelList[Number(value)]
    return model && this.#listedChoice(model)
  }

  #addressChoice(): ModelChoice | undefined {
    const address = this.#url.value.trim()
    const draft = this.#draftUrl.value.trim()
    if (address === '') return this.#complain('Give the address of a .gguf file.', this.#url)
    if (!URL.canParse(address, document.baseURI)) return this.#complain('This is no address.', this.#url)
    if (draft && !URL.canParse(draft, document.baseURI))
      return this.#complain('This is no address.', this.#draftUrl)
    return choiceOfAddress(address, draft)
  }

  #fileChoice(): ModelChoice | undefined {
    const model = this.#file.files?.[0]
    const draft = this.#draftFile.files?.[0]
    if (!model) return this.#complain('Choose a .gguf file.', this.#file)
    return { name: model.name, model, mode: guessMode(model.name), ...(draft ? { draft } : {}) }
  }

  #complain(words: string, input: HTMLInputElement): undefined {
    this.#problem.textContent = words
    input.focus()
  }

  #card(model: ListedModel, index: number): HTMLElement {
    const card = make('div', 'model-card')
    const radio = make('input')
    radio.type = 'radio'
    radio.name = 'model'
    radio.value = String(index)
    const result = make('p', 'model-check')
    result.setAttribute('role', 'status')
    result.dataset.testid = 'model-check'
    radio.addEventListener('change', () => this.#choose(model, index, result))
    const choice = make('label', 'model-choice')
    choice.append(
      radio,
      make('span', 'model-title', model.name),
      make('span', 'model-size', sizeText(model)),
      make('span', 'model-note', model.note),
    )
    card.append(choice)
    if (model.draft) card.append(this.#draftBox(model, model.draft, () => this.#choose(model, index, result)))
    card.append(result)
    return card
  }

  #draftBox(model: ListedModel, draft: ListedFile, onChange: () => void): HTMLElement {
    const label = make('label', 'model-draft')
    const box = make('input')
    box.type = 'checkbox'
    box.checked = true
    box.addEventListener('change', onChange)
    this.#draftBoxes.set(model, box)
    const words = `With ${draft.name} as its draft${isAlike(model) ? '' : ', of another vocabulary'}`
    label.append(box, make('span', '', words), make('span', 'model-size', sizeText(draft)))
    return label
  }
}
