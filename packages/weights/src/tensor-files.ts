/** Opens the files of a model: each header is read, and of the data what came with it. */
import { isBadModel } from './bad-model'
import { ByteStream, type ReadOptions } from './byte-stream'
import { damagedError } from './download-error'
import type { TensorInfo } from './gguf-value'
import type { ModelFile } from './model-files'
import { openModelStream } from './model-stream'
import type { TensorFile } from './tensor-reader'

export interface TensorHeader {
  tensors: readonly TensorInfo[]
}

/** `fileBytes`: where it is certain, what lies beyond it is not there. */
export type ReadHeader<Header extends TensorHeader> = (
  stream: ByteStream,
  fileBytes: number | undefined,
) => Promise<Header>

export type OpenFile<Header extends TensorHeader> = TensorFile & { header: Header }

/** `optionsOf`: how the file of this number is to be opened. */
export async function openTensorFiles<Header extends TensorHeader>(
  files: readonly ModelFile[],
  readHeader: ReadHeader<Header>,
  optionsOf: (index: number) => ReadOptions,
): Promise<Array<OpenFile<Header>>> {
  const open: Array<OpenFile<Header>> = []
  try {
    for (const [i, file] of files.entries()) {
      open.push(await openTensorFile(file, readHeader, () => optionsOf(i)))
      // A connection that waits so long may be cut, and a browser has only a few: the others are opened again in time.
      if (i > 0) await open[i]!.stream.close()
    }
    return open
  } catch (error) {
    await Promise.all(open.map(({ stream }) => stream.close()))
    throw error
  }
}

export async function openTensorFile<Header extends TensorHeader>(
  file: ModelFile,
  readHeader: ReadHeader<Header>,
  optionsOf: () => ReadOptions,
): Promise<OpenFile<Header>> {
  const options = optionsOf()
  const input = await openModelStream(file, options)
  const stream = new ByteStream(input, options)
  try {
    const header = await readHeader(stream, input.fileBytes)
    const { tensors } = header
    return { header, tensors, stream, reopen: () => reopen(file, readHeader, optionsOf, tensors) }
  } catch (error) {
    await (isBadModel(error) ? stream.discard() : stream.close())
    throw error
  }
}

async function reopen<Header extends TensorHeader>(
  file: ModelFile,
  readHeader: ReadHeader<Header>,
  optionsOf: () => ReadOptions,
  expected: readonly TensorInfo[],
): Promise<ByteStream> {
  const { stream, tensors } = await openTensorFile(file, readHeader, optionsOf)
  if (JSON.stringify(tensors) === JSON.stringify(expected)) return stream
  await stream.discard()
  throw damagedError(file.name, 'changed since its header was read', expected.length, tensors.length)
}
