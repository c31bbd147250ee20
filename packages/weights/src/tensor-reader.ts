/** The tensors of a model file whose header has been read, from front to back, once. */
import { EngineError } from '@foretoken/errors'
import type { ByteStream } from './byte-stream'
import type { TensorInfo } from './gguf-value'
import { type RowGroup, rowGroups } from './row-groups'

export class TensorReader {
  #started = false

  protected constructor(
    /** By ascending offset. */
    readonly tensors: readonly TensorInfo[],
    readonly stream: ByteStream,
  ) {}

  /**
   * All tensors in file order, in groups of whole tiles of rows (the last one may be cut) of at most 4 MiB, one tile at
   * least. Can be read once; leaving the loop early closes the file.
   */
  async *rows(): AsyncGenerator<RowGroup> {
    if (this.#started) throw new EngineError('bad-request', 'rows() of a model file can be read only once.')
    this.#started = true
    try {
      for (const tensor of this.tensors) yield* rowGroups(this.stream, tensor)
    } finally {
      await this.close()
    }
  }

  get closed(): boolean {
    return this.stream.closed
  }

  /** Cancels the download. A second call does nothing. */
  close(): Promise<void> {
    return this.stream.close()
  }
}
