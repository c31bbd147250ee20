// The most memory that is held between two moments, from without: what is watched need not lend a hand.

const INTERVAL_MS = 5

export class MemoryWatch {
  #isOver = true
  #watched = Promise.resolve({ js: 0, page: 0 })

  /** `read`: the bytes held now, { js, page }. */
  constructor({ collect, read }) {
    this.collect = collect
    this.read = read
  }

  async begin() {
    await this.collect()
    const before = await this.read()
    this.#isOver = false
    this.#watched = this.#watch(before)
  }

  /** The most that was held since, each above what was held at first. */
  end() {
    this.#isOver = true
    return this.#watched
  }

  async #watch(before) {
    const most = { ...before }
    for (let isLast = false; !isLast; ) {
      isLast = this.#isOver
      const { js, page } = await this.read()
      most.js = Math.max(most.js, js)
      most.page = Math.max(most.page, page)
      await new Promise(resolve => setTimeout(resolve, INTERVAL_MS))
    }
    return { js: most.js - before.js, page: most.page - before.page }
  }
}
