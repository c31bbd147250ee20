/** Plain text whose runs show by colour and underline where their tokens came from. */
import { make } from '@foretoken/look'
import { describeRun, guesserOf, type Run } from './answer.ts'

export class TintedView {
  readonly #root: HTMLElement
  #numRuns = 0

  constructor(root: HTMLElement) {
    this.#root = root
  }

  render(runs: readonly Run[]): void {
    for (const run of runs.slice(this.#numRuns)) {
      this.#append(this.#numRuns === 0 ? run.text.trimStart() : run.text, run)
      this.#numRuns += 1
    }
  }

  #append(text: string, run: Run): void {
    const guesser = guesserOf(run)
    const letters = text.trimStart()
    // The space before a word is left bare: a tint that starts at the letters is easier to read.
    const bare = guesser && letters ? text.slice(0, text.length - letters.length) : text
    this.#root.append(bare)
    if (!guesser || !letters) return
    const span = make('span', `run run-${guesser}`, letters)
    span.title = describeRun(run)
    this.#root.append(span)
  }
}
