import { type EngineError, throwIfAborted } from '@foretoken/errors'
import { downloadError } from './download-error'
import { openDownload } from './kept-download'
import type { ModelFile } from './model-files'
import type { ModelStore } from './model-store'
import { givesBuffers } from './release'

/** The body of a model file, not yet read. */
export interface ModelStream {
  /** The file's name, for people. */
  readonly name: string
  readonly body: ReadableStream<Uint8Array>
  /** The body's pieces are its reader's, who may free them. */
  readonly givesPieces: boolean
  /** What the sender says; good for progress only. */
  readonly totalBytes: number | undefined
  /** The file's size where it is certain: what lies beyond it is not there. */
  readonly fileBytes: number | undefined
  /** Bytes that have come over the network so far. */
  readonly fetched: number
  /** Why the file will not be stored, for people. */
  readonly warning: string | undefined
  /** The error to throw when reading fails after `loaded` bytes. */
  failure(cause: unknown, loaded: number): EngineError
  /** Forgets what is stored of the file. */
  discard(): Promise<void>
}

export interface StreamOptions {
  signal?: AbortSignal | undefined
  /** Where downloads are kept and looked for. */
  store?: ModelStore | undefined
  /** False: the store is only looked into. Default true. */
  keep?: boolean | undefined
}

/** Opens a file for reading from its start. Throws `download` and `aborted`. */
export async function openModelStream(
  file: ModelFile,
  { signal, store, keep = true }: StreamOptions = {},
): Promise<ModelStream> {
  throwIfAborted(signal, 'download')
  if ('blob' in file) return streamOf(file.blob, file.name)
  const stored = file.isKeepable ? await store?.find(file.url) : undefined
  if (!stored) return openDownload(file, keep ? store : undefined, signal)
  return streamOf(stored, file.name, () => store?.delete(file.url))
}

function streamOf(blob: Blob, name: string, discard?: () => Promise<void> | undefined): ModelStream {
  const body = blob.stream()
  return {
    name,
    body,
    givesPieces: givesBuffers(body),
    totalBytes: blob.size,
    fileBytes: blob.size,
    fetched: 0,
    warning: undefined,
    failure: (cause, loaded) => downloadError(name, cause, loaded, blob.size),
    discard: async () => discard?.(),
  }
}
