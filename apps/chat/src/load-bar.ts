/** Progress of loading, in words and bytes. */
import { bytesText, element } from '@foretoken/look'
import type { LoadProgress } from 'foretoken'

type Phase = LoadProgress['phase']

const phaseWords: Record<Phase, (file: string) => string> = {
  download: file => `Downloading the ${file}`,
  upload: file => `Uploading the ${file} to the graphics card`,
  compile: () => 'Compiling shaders',
  calibrate: () => 'Measuring speed',
}

export class LoadBar {
  readonly #section = element('load-bar', HTMLElement)
  readonly #phase = element('load-phase', HTMLLabelElement)
  readonly #amount = element('load-amount', HTMLSpanElement)
  readonly #progress = element('load-progress', HTMLProgressElement)

  constructor(onCancel: () => void) {
    element('load-cancel', HTMLButtonElement).addEventListener('click', onCancel)
  }

  start(): void {
    this.#phase.textContent = 'Starting'
    this.#amount.textContent = ''
    this.#progress.removeAttribute('value')
    this.#section.hidden = false
  }

  /** Returns the phase in words. */
  update(progress: LoadProgress): string {
    const { phase, loaded, total } = progress
    const words = wordsOf(progress)
    this.#phase.textContent = words
    this.#amount.textContent = amountText(phase, loaded, total)
    if (total === undefined || total === 0) this.#progress.removeAttribute('value')
    else {
      this.#progress.max = total
      this.#progress.value = Math.min(loaded, total)
    }
    return words
  }

  hide(): void {
    this.#section.hidden = true
  }
}

function wordsOf({ phase, file, fetched, warning }: LoadProgress): string {
  const isHere = phase === 'download' && fetched === 0
  const words = isHere ? `Reading the ${file}` : phaseWords[phase](file)
  return warning === undefined ? words : `${words}; this browser does not keep it`
}

function amountText(phase: Phase, loaded: number, total: number | undefined): string {
  const inBytes = phase === 'download' || phase === 'upload'
  const text = (number: number) => (inBytes ? bytesText(number) : String(number))
  return total === undefined ? text(loaded) : `${text(loaded)} of ${text(total)}`
}
