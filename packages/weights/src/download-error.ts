/** Errors of reading a file, in words that say what to do. */
import { EngineError, isEngineError } from '@foretoken/errors'

export function downloadError(url: string, cause: unknown, loaded: number, expected?: number): EngineError {
  const reason = reasonOf(cause)
  const progress =
    loaded > 0 ? ` after ${loaded}${expected === undefined ? '' : ` of ${expected}`} bytes` : ''
  const details = { url, reason, loaded, expected }
  return new EngineError('download', `Reading ${url} failed${progress}: ${reason}.`, details, cause)
}

/** The bytes that were read are not those of one file: to be read again from the start, nothing of it kept. */
export function damagedError(url: string, reason: string, expected: unknown, found: unknown): EngineError {
  const details = { url, reason, damaged: true, expected, found }
  return new EngineError('download', `${url} ${reason}: expected ${expected}, found ${found}.`, details)
}

export const isDamaged = (error: unknown): boolean =>
  isEngineError(error) && error.code === 'download' && error.details.damaged === true

/** What a server says that gives no file. `hasToken`: one was sent along. */
export function refusal(
  url: string,
  { status, headers }: Response,
  hasToken: boolean,
  retryAfterSeconds?: number,
): EngineError {
  // The Hub's own words: GatedRepo, RepoNotFound, EntryNotFound, RevisionNotFound.
  const reason = headers.get('x-error-code') ?? `HTTP status ${status}`
  const details = { url, status, reason, loaded: 0, ...(retryAfterSeconds ? { retryAfterSeconds } : {}) }
  return new EngineError(
    'download',
    `${url} answered with ${reason}${adviceOf(status, hasToken, retryAfterSeconds)}.`,
    details,
  )
}

function adviceOf(status: number, hasToken: boolean, retryAfterSeconds: number | undefined): string {
  if (status === 401 || status === 403) {
    return hasToken
      ? ': the token gives no access to it. If the model is gated, accept its terms on its page with the token’s account'
      : ': it is private, gated or not there. With access, name it as { repo, file, token }'
  }
  if (status === 404) return ': there is no such repository, revision or file'
  if (status === 429) {
    const when = retryAfterSeconds ? ` in ${retryAfterSeconds} seconds` : ' later'
    return `: too many requests; try again${when}`
  }
  return ''
}

/** Node's fetch hides the reason in `cause`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
