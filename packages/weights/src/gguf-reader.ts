import { badModel } from './bad-model'
import type { ByteStream, ReadOptions } from './byte-stream'
import { type GgufHeader, parseGgufHeader } from './gguf-header'
import type { Metadata } from './gguf-value'
import { type ModelFile, modelFiles } from './model-files'
import type { FileSource } from './model-source'
import { ReadTally } from './read-tally'
import { ShardPrefetch } from './shard-prefetch'
import { openTensorFiles } from './tensor-files'
import { type TensorFile, TensorReader } from './tensor-reader'

/**
 * A GGUF model of one file or several, read once from front to back. All methods throw `bad-model` for a file that is broken
 * or not supported, `download` when it cannot be fetched whole, and `aborted` (phase `download`).
 */
export class GgufReader extends TensorReader {
  private constructor(
    readonly name: string,
    /** Of a split model the first file's. */
    readonly metadata: Metadata,
    files: readonly TensorFile[],
    prefetch: ShardPrefetch | undefined,
  ) {
    super(files, prefetch)
  }

  /** Reads the headers; tensor data waits for `rows`. */
  static async open(source: FileSource, options: ReadOptions = {}): Promise<GgufReader> {
    return GgufReader.ofFiles(await modelFiles(source, '.gguf', options), options)
  }

  static async ofFiles(files: readonly ModelFile[], options: ReadOptions = {}): Promise<GgufReader> {
    const tally = new ReadTally(files.length, options.onProgress)
    const optionsOf = (index: number): ReadOptions => ({ ...options, onProgress: tally.of(index) })
    const open = await openTensorFiles(files, readHeader, optionsOf)
    const { metadata } = open[0]!.header
    const prefetch = files.length > 1 ? new ShardPrefetch(files, optionsOf) : undefined
    const reader = new GgufReader(files[0]!.name, metadata, open, prefetch)
    try {
      requireAllParts(metadata, files)
      return reader
    } catch (error) {
      await reader.close()
      throw error
    }
  }
}

function requireAllParts(metadata: Metadata, files: readonly ModelFile[]): void {
  const expected = Number(metadata.get('split.count') ?? 0)
  if (expected < 2 || expected === files.length) return
  const { name } = files[0]!
  const message =
    `${name} is one of ${expected} parts. Parts are found by their names (model-00001-of-00003.gguf): ` +
    'name any of them by its address, or the directory that holds them.'
  throw badModel(message, { key: 'split.count', expected, found: files.length })
}

async function readHeader(stream: ByteStream, fileBytes: number | undefined): Promise<GgufHeader> {
  const parser = parseGgufHeader(fileBytes)
  let step = parser.next()
  while (!step.done) step = parser.next(stream.take(step.value) ?? (await stream.read(step.value)))
  return step.value
}
