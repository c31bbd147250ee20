import { EngineError, throwIfAborted } from '@foretoken/errors'

/** A file of a repository on the Hugging Face Hub. */
export interface HubFile {
  repo: string
  file: string
  /** Branch, tag or commit. Default 'main'. */
  revision?: string
}

export type GgufSource = string | URL | Blob | HubFile

/** The body of a model file, not yet read. */
export interface ModelStream {
  /** The file's name, for people. */
  name: string
  body: ReadableStream<Uint8Array>
  /** What the sender says; good for progress only. */
  totalBytes: number | undefined
  /** The file's size where it is certain: what lies beyond it is not there. */
  fileBytes: number | undefined
  /** A body that ends before this many bytes was cut on its way. */
  promisedBytes: number | undefined
  /** The error to throw when reading fails after `loaded` bytes. */
  failure(cause: unknown, loaded: number): EngineError
}

/** Opens a file for reading from its start. Throws `download` and `aborted`. */
export async function openModelStream(source: GgufSource, signal?: AbortSignal): Promise<ModelStream> {
  throwIfAborted(signal, 'download')
  if (source instanceof Blob) return openBlob(source)
  if (typeof source === 'string' || source instanceof URL) return openUrl(String(source), signal)
  return openUrl(hubUrl(source), signal)
}

/** Source: https://huggingface.co/docs/hub/models-downloading */
export function hubUrl({ repo, file, revision = 'main' }: HubFile): string {
  const path = (text: string) => text.split('/').map(encodeURIComponent).join('/')
  return `https://huggingface.co/${path(repo)}/resolve/${encodeURIComponent(revision)}/${path(file)}`
}

function openBlob(blob: Blob): ModelStream {
  const name = 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob'
  return {
    name,
    body: blob.stream(),
    totalBytes: blob.size,
    fileBytes: blob.size,
    promisedBytes: blob.size,
    failure: (cause, loaded) => downloadError(name, cause, loaded, blob.size),
  }
}

async function openUrl(url: string, signal: AbortSignal | undefined): Promise<ModelStream> {
  const response = await fetch(url, signal ? { signal } : {}).catch((error: unknown) => {
    throwIfAborted(signal, 'download')
    throw downloadError(url, error, 0, undefined)
  })
  if (!response.ok || response.body === null) {
    await response.body?.cancel().catch(() => undefined)
    const { status } = response
    const reason = `HTTP status ${status}`
    throw new EngineError('download', `${url} answered with ${reason}.`, { url, status, reason, loaded: 0 })
  }
  const length = contentLength(response)
  // Across origins a page cannot see Content-Encoding, so there the length may be that of compressed bytes.
  const certain = response.type === 'cors' ? undefined : length
  return {
    name: fileName(response.url || url),
    body: response.body,
    totalBytes: length,
    fileBytes: certain,
    promisedBytes: length,
    failure: (cause, loaded) => downloadError(url, cause, loaded, length),
  }
}

/** Undefined where the header is missing, or counts the bytes of an encoding that fetch undoes. */
function contentLength({ headers }: Response): number | undefined {
  const encoding = headers.get('content-encoding')
  const text = headers.get('content-length')
  if (text === null || (encoding !== null && encoding !== 'identity')) return undefined
  const length = Number(text)
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined
}

function fileName(url: string): string {
  const last = url.split(/[?#]/)[0]!.split('/').pop() || url
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

function downloadError(url: string, cause: unknown, loaded: number, expected: number | undefined) {
  const reason = reasonOf(cause)
  const progress =
    loaded > 0 ? ` after ${loaded}${expected === undefined ? '' : ` of ${expected}`} bytes` : ''
  const details = { url, reason, loaded, expected }
  return new EngineError('download', `Reading ${url} failed${progress}: ${reason}.`, details, cause)
}

/** Node's fetch hides the reason in `cause`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
