/** Two neighbours that may become one piece. */
export interface Merge {
  /** Place of the left one. */
  left: number
  score: number
}

const isBefore = (a: Merge, b: Merge) => a.score > b.score || (a.score === b.score && a.left < b.left)

/** A binary heap: the highest score first, the leftmost among equals. */
export class MergeQueue<T extends Merge> {
  #heap: T[] = []

  push(merge: T): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(merge, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = merge
  }

  pop(): T | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}
