import { badModel, isBadModel } from './bad-model'
import { ByteStream, type ReadOptions } from './byte-stream'
import { damagedError } from './download-error'
import { type GgufHeader, parseGgufHeader } from './gguf-header'
import type { Metadata, TensorInfo } from './gguf-value'
import { type ModelFile, modelFiles } from './model-files'
import type { FileSource } from './model-source'
import { openModelStream } from './model-stream'
import { ReadTally } from './read-tally'
import { ShardPrefetch } from './shard-prefetch'
import { type TensorFile, TensorReader } from './tensor-reader'

interface OpenFile extends TensorFile {
  metadata: Metadata
}

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
    const files = await modelFiles(source, '.gguf', options)
    const tally = new ReadTally(files.length, options.onProgress)
    const optionsOf = (index: number): ReadOptions => ({ ...options, onProgress: tally.of(index) })
    const open: OpenFile[] = []
    try {
      for (const [i, file] of files.entries()) {
        open.push(await openFile(file, () => optionsOf(i)))
        // A connection that waits so long may be cut, and a browser has only a few: the others are opened again in time.
        if (i > 0) await open[i]!.stream.close()
      }
      const { metadata } = open[0]!
      requireAllParts(metadata, files)
      const prefetch = files.length > 1 ? new ShardPrefetch(files, optionsOf) : undefined
      return new GgufReader(files[0]!.name, metadata, open, prefetch)
    } catch (error) {
      await Promise.all(open.map(({ stream }) => stream.close()))
      throw error
    }
  }
}

async function openFile(file: ModelFile, optionsOf: () => ReadOptions): Promise<OpenFile> {
  const options = optionsOf()
  const input = await openModelStream(file, options)
  const stream = new ByteStream(input, options)
  try {
    const { metadata, tensors } = await readHeader(stream, input.fileBytes)
    return { metadata, tensors, stream, reopen: () => reopen(file, optionsOf, tensors) }
  } catch (error) {
    await (isBadModel(error) ? stream.discard() : stream.close())
    throw error
  }
}

async function reopen(
  file: ModelFile,
  optionsOf: () => ReadOptions,
  expected: readonly TensorInfo[],
): Promise<ByteStream> {
  const { stream, tensors } = await openFile(file, optionsOf)
  if (JSON.stringify(tensors) === JSON.stringify(expected)) return stream
  await stream.discard()
  throw damagedError(file.name, 'changed since its header was read', expected.length, tensors.length)
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
