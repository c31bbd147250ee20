/** The progress of several files as that of one. */
import type { ReadProgress } from './byte-stream'

export class ReadTally {
  readonly #files: Array<ReadProgress | undefined>

  constructor(
    numFiles: number,
    readonly onProgress: ((progress: ReadProgress) => void) | undefined,
  ) {
    this.#files = Array(numFiles).fill(undefined)
  }

  /** What is told of the file number `index` from now on, which was perhaps opened before. */
  of(index: number): (progress: ReadProgress) => void {
    const { fetched = 0, loaded = 0 } = this.#files[index] ?? {}
    return progress => {
      this.#files[index] = {
        ...progress,
        loaded: Math.max(loaded, progress.loaded),
        fetched: fetched + progress.fetched,
      }
      this.onProgress?.(this.#sum())
    }
  }

  #sum(): ReadProgress {
    const known = this.#files.filter(file => file !== undefined)
    const sum = (of: (file: ReadProgress) => number): number =>
      known.reduce((total, file) => total + of(file), 0)
    const isWhole = known.length === this.#files.length && known.every(({ total }) => total !== undefined)
    const warning = known.find(file => file.warning !== undefined)?.warning
    return {
      loaded: sum(({ loaded }) => loaded),
      total: isWhole ? sum(({ total }) => total!) : undefined,
      fetched: sum(({ fetched }) => fetched),
      ...(warning === undefined ? {} : { warning }),
    }
  }
}
