/** Where the step loop of an engine stands still while it is closed: for benches that let engines take turns. */
export class Gate {
  #isClosed = false
  #reached: () => void = () => {}
  #opened: () => void = () => {}

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Resolves when the loop has come to it, with no step under way; never, where no loop runs. */
  close(): Promise<void> {
    this.#isClosed = true
    return new Promise(resolve => {
      this.#reached = resolve
    })
  }

  open(): void {
    this.#isClosed = false
    this.#opened()
  }

  /** For the loop, between steps. Whether it was held up. */
  async pass(): Promise<boolean> {
    if (!this.#isClosed) return false
    this.#reached()
    await new Promise<void>(resolve => {
      this.#opened = resolve
    })
    return true
  }
}
