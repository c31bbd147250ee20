import { ByteStream, type ReadOptions } from './byte-stream'
import { type GgufHeader, parseGgufHeader } from './gguf-header'
import type { Metadata } from './gguf-value'
import { type GgufSource, openModelStream } from './model-stream'
import { TensorReader } from './tensor-reader'

/**
 * A GGUF file, read once from front to back. All methods throw `bad-model` for a file that is broken or
 * not supported, `download` when it cannot be fetched whole, and `aborted` (phase `download`).
 */
export class GgufReader extends TensorReader {
  readonly metadata: Metadata

  private constructor(
    readonly name: string,
    { metadata, tensors }: GgufHeader,
    stream: ByteStream,
  ) {
    super(tensors, stream)
    this.metadata = metadata
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
}

async function readHeader(stream: ByteStream, fileBytes: number | undefined): Promise<GgufHeader> {
  const parser = parseGgufHeader(fileBytes)
  let step = parser.next()
  while (!step.done) step = parser.next(stream.take(step.value) ?? (await stream.read(step.value)))
  return step.value
}
