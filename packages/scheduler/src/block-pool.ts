/** Free list of KV blocks. A block holds BLOCK_SIZE positions of one sequence, at the same place in every layer. */
export const BLOCK_SIZE = 64

export class BlockPool {
  readonly #free: number[]

  constructor(readonly numBlocks: number) {
    this.#free = Array.from({ length: numBlocks }, (_, i) => numBlocks - 1 - i)
  }

  /** `count` blocks, or undefined when there are not so many. */
  take(count: number): number[] | undefined {
    return count > this.#free.length
      ? undefined
      : this.#free.splice(this.#free.length - count, count).reverse()
  }

  give(blocks: readonly number[]): void {
    this.#free.push(...blocks)
  }
}

export const blocksFor = (positions: number): number => Math.ceil(positions / BLOCK_SIZE)
