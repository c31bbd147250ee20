/** The settings as the user has left them, and as a request wants them. */
import { element } from '@foretoken/look'
import type { GenerateOptions } from 'foretoken'

type Speculation = NonNullable<GenerateOptions['speculation']>
type SpeculationChoice = 'auto' | 'off' | 'lookup' | 'draft'

const speculationHelp: Record<SpeculationChoice, string> = {
  auto: 'At every step the fastest choice: no guessing, or guesses from lookup or the draft.',
  off: 'One token per step, by the model alone.',
  lookup: 'Guesses repeat what followed the same words earlier in the text.',
  draft: 'A smaller model guesses; the model checks.',
}

const maxSeed = 2 ** 32 - 1
/** Short enough to be read and typed again. */
const numDrawnSeeds = 1_000_000

export class SettingsPanel {
  readonly #speculation = element('speculation', HTMLSelectElement)
  readonly #depth = element('depth', HTMLInputElement)
  readonly #temperature = element('temperature', HTMLInputElement)
  readonly #seed = element('seed', HTMLInputElement)
  readonly #maxTokens = element('max-tokens', HTMLInputElement)
  readonly #tint = element('tint', HTMLInputElement)
  #hasDraft = false

  constructor(onTint: (tinted: boolean) => void) {
    const form = element('settings', HTMLFormElement)
    form.addEventListener('submit', event => event.preventDefault())
    form.addEventListener('input', () => this.#show())
    this.#tint.addEventListener('change', () => onTint(this.#tint.checked))
    this.#show()
  }

  setDraft(hasDraft: boolean): void {
    this.#hasDraft = hasDraft
    if (!hasDraft && this.#speculation.value === 'draft') this.#speculation.value = 'auto'
    this.#show()
  }

  get speculation(): Speculation {
    const choice = this.#choice
    return choice === 'auto' || choice === 'off'
      ? choice
      : { method: choice, depth: Number(this.#depth.value) }
  }

  get temperature(): number {
    return Number(this.#temperature.value)
  }

  /** A blank seed is drawn anew each time, here, so that the page can name it. */
  get seed(): number {
    if (this.#seed.value === '') return Math.floor(Math.random() * numDrawnSeeds)
    return wholeNumber(this.#seed, 0, maxSeed)
  }

  get maxTokens(): number {
    return wholeNumber(this.#maxTokens, 1, 4096)
  }

  get #choice(): SpeculationChoice {
    return this.#speculation.value as SpeculationChoice
  }

  #show(): void {
    const draft = this.#speculation.querySelector<HTMLOptionElement>('option[value="draft"]')!
    draft.disabled = !this.#hasDraft
    draft.textContent = this.#hasDraft ? 'Draft' : 'Draft (none loaded)'
    const noDraft = this.#hasDraft ? '' : ' For Draft, load a model together with a draft.'
    tell('speculation-help', speculationHelp[this.#choice] + noDraft)
    const isFixed = this.#choice === 'lookup' || this.#choice === 'draft'
    this.#depth.disabled = !isFixed
    tell('depth-value', isFixed ? this.#depth.value : '')
    tell(
      'depth-help',
      isFixed ? 'Tokens guessed per step, at most.' : 'Set by hand only for Lookup and Draft.',
    )
    tell('temperature-value', this.temperature.toFixed(2))
    tell(
      'temperature-help',
      this.temperature === 0 ? 'Always the likeliest token.' : 'Higher is more varied.',
    )
  }
}

function tell(id: string, words: string): void {
  element(id, HTMLElement).textContent = words
}

/** The field's number within its bounds; the field then shows what was used. */
function wholeNumber(input: HTMLInputElement, min: number, max: number): number {
  const value = Number.isFinite(input.valueAsNumber)
    ? Math.round(input.valueAsNumber)
    : Number(input.defaultValue)
  const used = Math.min(max, Math.max(min, value))
  input.value = String(used)
  return used
}
