/** Draws at most once per frame, however often it is asked. */
export class FrameRender {
  readonly #draw: () => void
  #handle: number | undefined

  constructor(draw: () => void) {
    this.#draw = draw
  }

  request(): void {
    this.#handle ??= requestAnimationFrame(() => {
      this.#handle = undefined
      this.#draw()
    })
  }

  /** For the end: a page in the background gets no frames. */
  now(): void {
    if (this.#handle !== undefined) cancelAnimationFrame(this.#handle)
    this.#handle = undefined
    this.#draw()
  }
}
