/** Later parts of a split model come in while earlier ones are read: into the store, out of which they are then read. */
import { throwIfAborted } from '@foretoken/errors'
import { ByteStream, type ReadOptions } from './byte-stream'
import type { ModelFile } from './model-files'
import { openModelStream } from './model-stream'

/** With the part that is being read four connections, of the six that browsers have for a server. */
const numLanes = 3
const stepBytes = 2 ** 20

export class ShardPrefetch {
  #fetched: Array<Promise<void> | undefined> = []
  readonly #end = new AbortController()

  /** `optionsOf`: how the file of this number is to be opened. */
  constructor(
    readonly files: readonly ModelFile[],
    readonly optionsOf: (index: number) => ReadOptions,
  ) {}

  /** Begins with all parts but the first. */
  start(): void {
    // Whoever waits for a part must not wait on after an abort.
    this.optionsOf(0).signal?.addEventListener('abort', () => this.#end.abort(), { once: true })
    const lanes: Array<Promise<void>> = Array(numLanes).fill(Promise.resolve())
    this.#fetched = this.files.map((file, i) => {
      if (i === 0) return undefined
      const lane = i % numLanes
      lanes[lane] = lanes[lane]!.then(() => this.#fetch(file, i))
      return lanes[lane]
    })
  }

  /** Settles when a part is no longer being fetched: it is stored then, or could not be. */
  async settled(index: number): Promise<void> {
    await this.#fetched[index]
  }

  async stop(): Promise<void> {
    this.#end.abort()
    await Promise.all(this.#fetched)
  }

  /** Whatever goes wrong is met again, and told, when the part is read. */
  async #fetch(file: ModelFile, index: number): Promise<void> {
    const options = { ...this.optionsOf(index), signal: this.#end.signal }
    const { store, keep } = options
    if (!store || store.refusal !== undefined || keep === false || 'blob' in file || !file.isKeepable) return
    try {
      throwIfAborted(options.signal, 'download')
      if (await store.find(file.url)) return
      const input = await openModelStream(file, options)
      const stream = new ByteStream(input, options)
      // A part that is not stored would be fetched twice.
      while (input.warning === undefined && (await stream.skip(stepBytes)) === stepBytes);
      await stream.close()
    } catch {}
  }
}
