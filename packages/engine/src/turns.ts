/** Lets a few of many act at once, in the order in which they came. */
export class Turns {
  readonly #waiting: Array<() => void> = []
  #numFree: number

  constructor(most: number) {
    this.#numFree = most
  }

  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#numFree > 0) this.#numFree--
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      return await act()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#numFree++
    }
  }
}
