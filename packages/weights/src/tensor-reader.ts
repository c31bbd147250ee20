/** The tensors of a model whose headers have been read, from front to back, once. */
import { EngineError } from '@foretoken/errors'
import type { ByteStream } from './byte-stream'
import type { TensorInfo } from './gguf-value'
import { type RowGroup, rowGroups } from './row-groups'
import type { ShardPrefetch } from './shard-prefetch'

/** One file of the model. */
export interface TensorFile {
  /** By ascending offset. */
  tensors: readonly TensorInfo[]
  /** Behind the header. */
  stream: ByteStream
  /** Opens it again if it was closed meanwhile. */
  reopen?: () => Promise<ByteStream>
}

export class TensorReader {
  /** Of all files, with offsets as if these lay one behind the other. */
  readonly tensors: readonly TensorInfo[]
  #started = false

  protected constructor(
    readonly files: readonly TensorFile[],
    /** Fetches what is read later. */
    readonly prefetch?: ShardPrefetch,
  ) {
    let start = 0
    this.tensors = files.flatMap(({ tensors }) => {
      const placed = tensors.map(tensor => ({ ...tensor, offset: start + tensor.offset }))
      const last = placed.at(-1)
      if (last) start = last.offset + last.bytes
      return placed
    })
  }

  /**
   * All tensors in file order, in groups of whole tiles of rows (the last one may be cut) of at most 4 MiB, one tile at
   * least, and of whole numbers of the rows that must come together. Can be read once; leaving the loop early closes the
   * files.
   */
  async *rows(rowsTogether: (tensor: TensorInfo) => number = () => 1): AsyncGenerator<RowGroup> {
    if (this.#started) throw new EngineError('bad-request', 'rows() of a model file can be read only once.')
    this.#started = true
    this.prefetch?.start()
    try {
      for (const [i, file] of this.files.entries()) {
        await this.prefetch?.settled(i)
        if (file.stream.closed && file.reopen) file.stream = await file.reopen()
        for (const tensor of file.tensors) yield* rowGroups(file.stream, tensor, rowsTogether(tensor))
        await file.stream.drain()
        await file.stream.close()
      }
    } finally {
      await this.close()
    }
  }

  /** Of the files, up to the end of the last tensor of each. */
  get bytes(): number {
    const last = this.tensors.at(-1)
    return last ? last.offset + last.bytes : 0
  }

  get closed(): boolean {
    return this.files.every(({ stream }) => stream.closed)
  }

  /** Cancels the download. A second call does nothing. */
  async close(): Promise<void> {
    await this.prefetch?.stop()
    await Promise.all(this.files.map(({ stream }) => stream.close()))
  }

  /** Closes, and forgets what is stored: for files that no model can be made of. */
  async discard(): Promise<void> {
    await this.prefetch?.stop()
    await Promise.all(this.files.map(({ stream }) => stream.discard()))
  }
}
