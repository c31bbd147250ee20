/** One request to a server that may ask to wait. */
import { throwIfAborted } from '@foretoken/errors'
import { downloadError, refusal } from './download-error'
import { waitFor } from './wait-for'

export interface Request {
  url: string
  headers: Readonly<Record<string, string>>
}

export interface AskOptions {
  signal?: AbortSignal | undefined
  cache?: RequestCache
}

/** Before each new attempt where the server does not say how long. */
export const retryDelaysMs: readonly number[] = [250, 1000, 3000, 6000]
/** Whoever asks for more is told so. */
const longestWaitMs = 60_000
/** Too many requests, a gateway without its server, overload: what passes. */
const passing = [429, 502, 503, 504]

/** A good answer, or 416 (the range is not there). Throws `download` and `aborted`. */
export async function askServer(
  { url, headers }: Request,
  { signal, cache = 'default' }: AskOptions = {},
): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    const response = await fetch(url, { headers, cache, ...(signal ? { signal } : {}) }).catch(
      (error: unknown) => {
        throwIfAborted(signal, 'download')
        throw downloadError(url, error, 0)
      },
    )
    if (response.ok || response.status === 416) return response
    await response.body?.cancel().catch(() => undefined)
    const askedMs = passing.includes(response.status) ? retryAfterMs(response) : undefined
    const waitMs = passing.includes(response.status) ? (askedMs ?? retryDelaysMs[attempt]) : undefined
    if (waitMs === undefined || waitMs > longestWaitMs || attempt >= retryDelaysMs.length) {
      const seconds = askedMs === undefined ? undefined : Math.ceil(askedMs / 1000)
      throw refusal(url, response, 'authorization' in headers, seconds)
    }
    await waitFor(waitMs, signal)
  }
}

/** Seconds or a date; across origins only where the server exposes the header. */
function retryAfterMs({ headers }: Response): number | undefined {
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
