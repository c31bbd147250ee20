/** A file on a server, read from a given place to its end. What drops is taken up where it dropped. */
import { EngineError, isEngineError, throwIfAborted } from '@foretoken/errors'
import { damagedError, downloadError, refusal } from './download-error'
import { givesBuffers } from './release'
import { askServer, type Request, retryDelaysMs } from './server-answer'
import { waitFor } from './wait-for'

/** What tells one state of a file from another, as far as the server says. */
export interface Version {
  /** The ETag, or where a page may not see it, the date of the last change. */
  etag?: string | undefined
  bytes?: number | undefined
}

/** The body of an answer, and which part of which state of the file it is. */
interface Answer {
  body: ReadableStreamDefaultReader<Uint8Array>
  givesPieces: boolean
  start: number
  version: Version
  /** Bytes of the file if they are certain. */
  fileBytes: number | undefined
  url: string
}

export interface RemoteOptions {
  signal?: AbortSignal | undefined
  cache?: RequestCache
}

/**
 * If-Range would ask a server of another origin for leave first, which content networks do not give; so the state of the
 * file is compared after the answer.
 */
export class RemoteFile {
  /** Where reading begins: where it was asked to, or 0 if what lies before is of another state or the server gives no parts. */
  readonly start: number
  readonly version: Version
  readonly fileBytes: number | undefined
  /** The address after all redirects. */
  readonly finalUrl: string
  /** Bytes that came over the network. */
  fetched = 0
  #position: number
  #answer: Answer
  /** Bytes of the present answer that were read before: of servers that give no parts. */
  #skip = 0
  /** Attempts since the last byte. */
  #failures = 0

  private constructor(
    readonly request: Request,
    answer: Answer,
    readonly options: RemoteOptions,
  ) {
    this.#answer = answer
    this.start = answer.start
    this.#position = answer.start
    this.version = answer.version
    this.fileBytes = answer.fileBytes
    this.finalUrl = answer.url
  }

  /** `known`: the state that the bytes before `from` are of. Throws `download` and `aborted`. */
  static async open(
    request: Request,
    from = 0,
    known: Version = {},
    options: RemoteOptions = {},
  ): Promise<RemoteFile> {
    let answer = await ask(request, from, options)
    if (answer === undefined || answer.start > from || (answer.start > 0 && isOther(known, answer.version))) {
      await answer?.body.cancel().catch(() => undefined)
      answer = await ask(request, 0, options)
    }
    if (answer === undefined)
      throw new EngineError('download', `${request.url} has no first byte.`, { url: request.url })
    return new RemoteFile(request, answer, options)
  }

  get givesPieces(): boolean {
    return this.#answer.givesPieces
  }

  /** The next piece; undefined at the end. Throws `download` and `aborted`. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      try {
        const { done, value } = await this.#answer.body.read()
        throwIfAborted(this.options.signal, 'download')
        if (done) {
          if (this.#position >= (this.version.bytes ?? 0)) return undefined
          throw new Error('the connection closed early')
        }
        const piece = this.#fresh(value)
        if (piece.length > 0) return piece
      } catch (error) {
        await this.#reconnect(error)
      }
    }
  }

  close(): Promise<void> {
    return this.#answer.body.cancel().catch(() => undefined)
  }

  #fresh(value: Uint8Array): Uint8Array {
    this.fetched += value.length
    const piece = value.subarray(Math.min(this.#skip, value.length))
    this.#skip -= value.length - piece.length
    this.#position += piece.length
    if (piece.length > 0) this.#failures = 0
    return piece
  }

  async #reconnect(dropped: unknown): Promise<void> {
    const { signal } = this.options
    let cause = dropped
    for (;;) {
      throwIfAborted(signal, 'download')
      const delayMs = retryDelaysMs[this.#failures++]
      if (delayMs === undefined) {
        throw downloadError(this.request.url, cause, this.#position, this.version.bytes)
      }
      await waitFor(delayMs, signal)
      try {
        this.#resume(await ask(this.request, this.#position, this.options))
        return
      } catch (error) {
        // A server that answers has the last word; one that cannot be reached may come back.
        if (isEngineError(error) && !isUnreachable(error)) throw error
        cause = error instanceof EngineError ? (error.cause ?? error) : error
      }
    }
  }

  #resume(answer: Answer | undefined): void {
    const { url } = this.request
    if (answer === undefined || answer.start > this.#position || isOther(this.version, answer.version)) {
      void answer?.body.cancel().catch(() => undefined)
      const { etag, bytes } = this.version
      const found = answer ? (answer.version.etag ?? answer.version.bytes) : 'less than had been read'
      throw damagedError(url, 'changed while it was read', etag ?? bytes, found)
    }
    this.#answer = answer
    this.#skip = this.#position - answer.start
  }
}

const isUnreachable = ({ code, details }: EngineError): boolean =>
  code === 'download' && details.status === undefined && details.damaged === undefined

const isOther = (one: Version, other: Version): boolean => {
  if (one.etag !== undefined && other.etag !== undefined) return one.etag !== other.etag
  return one.bytes !== undefined && other.bytes !== undefined && one.bytes !== other.bytes
}

/** Undefined where the file has nothing at `from`. */
async function ask(request: Request, from: number, options: RemoteOptions): Promise<Answer | undefined> {
  const range = from > 0 ? { range: `bytes=${from}-` } : {}
  const response = await askServer({ ...request, headers: { ...request.headers, ...range } }, options)
  if (response.status === 416) {
    await response.body?.cancel().catch(() => undefined)
    if (from === 0) throw refusal(request.url, response, false)
    return undefined
  }
  if (response.body === null) throw downloadError(request.url, new Error('the answer has no body'), 0)
  const length = contentLength(response)
  const part = response.status === 206 ? contentRange(response) : undefined
  const start = response.status === 206 ? (part?.start ?? from) : 0
  const bytes = part?.total ?? (length === undefined ? undefined : start + length)
  const { headers } = response
  const etag = headers.get('etag')?.replace(/^W\//, '') ?? headers.get('last-modified') ?? undefined
  return {
    givesPieces: givesBuffers(response.body),
    body: response.body.getReader(),
    start,
    version: { etag, bytes },
    // Across origins a page cannot see Content-Encoding, so there the length may be that of compressed bytes.
    fileBytes: response.type === 'cors' && start === 0 ? undefined : bytes,
    url: response.url || request.url,
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

/** "bytes 100-199/200"; across origins only where the server exposes the header. */
function contentRange({ headers }: Response): { start: number; total: number | undefined } | undefined {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
  if (start === undefined) return undefined
  return { start: Number(start), total: total === '*' ? undefined : Number(total) }
}
