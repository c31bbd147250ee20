import { abortedError, isEngineError, throwIfAborted } from '@foretoken/errors'
import type { ModelStream, StreamOptions } from './model-stream'
import { release } from './release'

/** How far a file has been read, in bytes. */
export interface ReadProgress {
  loaded: number
  /** Undefined while the server has not told it. */
  total: number | undefined
  /** Of `loaded`, what came over the network rather than from storage or disk. */
  fetched: number
  /** Why the file will not be stored, for people. */
  warning?: string
}

export interface ReadOptions extends StreamOptions {
  /** Called after each piece that arrives. */
  onProgress?: ((progress: ReadProgress) => void) | undefined
}

/**
 * Exact numbers of bytes out of a stream of arbitrary pieces. Holds the pieces that are not yet taken,
 * and nothing is allocated for bytes that have not arrived: a lying length costs no memory.
 */
export class ByteStream {
  /** Bytes taken or skipped so far: the place in the file of the next byte. */
  position = 0
  #source: ModelStream
  #options: ReadOptions
  #reader: ReadableStreamDefaultReader<Uint8Array>
  #pieces: Uint8Array[] = []
  #buffered = 0
  #loaded = 0
  #ended = false
  #closed = false

  constructor(source: ModelStream, options: ReadOptions) {
    this.#source = source
    this.#options = options
    this.#reader = source.body.getReader()
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** The next `count` bytes if they are here already; a view of the arrived piece where one holds them all. */
  take(count: number): Uint8Array | undefined {
    if (this.#buffered < count) return undefined
    this.position += count
    this.#buffered -= count
    const first = this.#pieces[0] ?? new Uint8Array(0)
    if (first.length > count) {
      this.#pieces[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    if (first.length === count) {
      this.#pieces.shift()
      return first
    }
    return this.#join(count)
  }

  /** The next `count` bytes, or fewer where the file ends. Throws `download` and `aborted`. */
  async read(count: number): Promise<Uint8Array> {
    while (this.#buffered < count && !this.#ended) await this.#pull()
    throwIfAborted(this.#options.signal, 'download')
    return this.take(Math.min(count, this.#buffered))!
  }

  /** The same, in a buffer of their own. */
  async readCopy(count: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#buffered < count && !this.#ended) await this.#pull()
    throwIfAborted(this.#options.signal, 'download')
    const available = Math.min(count, this.#buffered)
    this.position += available
    this.#buffered -= available
    return this.#join(available)
  }

  /** Passes over `count` bytes, or fewer where the file ends; returns how many. */
  async skip(count: number): Promise<number> {
    let left = count
    while (left > 0) {
      while (this.#buffered === 0 && !this.#ended) await this.#pull()
      if (this.#buffered === 0) break
      const count = Math.min(left, this.#pieces[0]!.length)
      this.position += count
      this.#buffered -= count
      left -= this.#drop(count)
    }
    return count - left
  }

  /** Reads what is left, which is what lets the source tell whether the whole was right. */
  async drain(): Promise<void> {
    await this.skip(Number.POSITIVE_INFINITY)
  }

  /** Closes, and forgets what is stored of the file. */
  async discard(): Promise<void> {
    await this.close()
    await this.#source.discard()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Lets go of the source. Reading on afterwards is `aborted`. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#pieces = []
    this.#buffered = 0
    await this.#reader.cancel().catch(() => undefined)
  }

  /** A stream of a Blob knows no signal: cancelling is what wakes a waiting read. */
  #onAbort = () => {
    this.#reader.cancel().catch(() => undefined)
  }

  async #pull(): Promise<void> {
    const { signal, onProgress } = this.#options
    throwIfAborted(signal, 'download')
    const piece = await this.#reader.read().catch((error: unknown) => {
      throwIfAborted(signal, 'download')
      throw isEngineError(error) ? error : this.#source.failure(error, this.#loaded)
    })
    throwIfAborted(signal, 'download')
    if (this.#closed) throw abortedError('download')
    if (piece.done) {
      this.#ended = true
      return
    }
    if (piece.value.length === 0) return
    this.#pieces.push(piece.value)
    this.#buffered += piece.value.length
    this.#loaded += piece.value.length
    const { totalBytes: total, fetched, warning } = this.#source
    onProgress?.({ loaded: this.#loaded, total, fetched, ...(warning === undefined ? {} : { warning }) })
  }

  #join(count: number): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(count)
    for (let filled = 0; filled < count; ) {
      const part = this.#pieces[0]!.subarray(0, count - filled)
      joined.set(part, filled)
      filled += this.#drop(part.length)
    }
    return joined
  }

  /** The first so many bytes of the first piece have been used. */
  #drop(count: number): number {
    const piece = this.#pieces[0]!
    if (count < piece.length) this.#pieces[0] = piece.subarray(count)
    else {
      this.#pieces.shift()
      if (this.#source.givesPieces) release(piece)
    }
    return count
  }
}
