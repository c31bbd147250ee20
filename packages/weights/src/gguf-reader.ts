import { EngineError } from '@foretoken/errors'
import { ByteStream, type ReadOptions } from './byte-stream'
import { type GgufHeader, parseGgufHeader } from './gguf-header'
import type { Metadata, TensorInfo } from './gguf-value'
import { type GgufSource, openModelStream } from './model-stream'
import { type RowGroup, rowGroups } from './row-groups'

/**
 * A GGUF file, read once from front to back. All methods throw `bad-model` for a file that is broken or
 * not supported, `download` when it cannot be fetched whole, and `aborted` (phase `download`).
 */
export class GgufReader {
  readonly name: string
  readonly metadata: Metadata
  /** By ascending offset. */
  readonly tensors: readonly TensorInfo[]
  #stream: ByteStream
  #started = false

  private constructor(name: string, header: GgufHeader, stream: ByteStream) {
    this.name = name
    this.metadata = header.metadata
    this.tensors = header.tensors
    this.#stream = stream
  }

  /** Reads the header; tensor data waits for `rows`. */
  static async open(source: GgufSource, options: ReadOptions = {}): Promise<GgufReader> {
    const input = await openModelStream(source, options.signal)
    const stream = new ByteStream(input, options)
    try {
      const header = await readHeader(stream, input.fileBytes)
      return new GgufReader(input.name, header, stream)
    } catch (error) {
      await stream.close()
      throw error
    }
  }

  /**
   * All tensors in file order, in groups of whole tiles of rows (the last one may be cut) of at most 4 MiB, one tile at
   * least. Can be read once; leaving the loop early closes the file.
   */
  async *rows(): AsyncGenerator<RowGroup> {
    if (this.#started) throw new EngineError('bad-request', 'rows() of a model file can be read only once.')
    this.#started = true
    try {
      for (const tensor of this.tensors) yield* rowGroups(this.#stream, tensor)
    } finally {
      await this.close()
    }
  }

  get closed(): boolean {
    return this.#stream.closed
  }

  /** Cancels the download. A second call does nothing. */
  close(): Promise<void> {
    return this.#stream.close()
  }
}

async function readHeader(stream: ByteStream, fileBytes: number | undefined): Promise<GgufHeader> {
  const parser = parseGgufHeader(fileBytes)
  let step = parser.next()
  while (!step.done) step = parser.next(stream.take(step.value) ?? (await stream.read(step.value)))
  return step.value
}
