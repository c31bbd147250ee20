/**
 * The one error class of Foretoken (DESIGN.md section 5). It is made in the worker, sent as a plain
 * object, revived in the client and recognised by a marker, because `instanceof` fails across bundles
 * and across workers.
 */
export type ErrorCode =
  | 'unsupported-device'
  | 'out-of-memory'
  | 'device-lost'
  | 'bad-model'
  | 'download'
  | 'context-full'
  | 'bad-request'
  | 'overloaded'
  | 'aborted'
  | 'internal'

/** Numbers and names that let the user act. Plain data only: it must survive postMessage. */
export type ErrorDetails = Record<string, unknown>

const marker = 'foretoken.EngineError'

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly marker = marker

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }
}

/** True for an EngineError of any copy of this package, in any realm. */
export function isEngineError(error: unknown): error is EngineError {
  return typeof error === 'object' && error !== null && 'marker' in error && error.marker === marker
}

/** An EngineError as it crosses postMessage. */
export interface WireError {
  marker: typeof marker
  code: ErrorCode
  message: string
  details: ErrorDetails
}

/** Any thrown value as plain data; what is not an EngineError becomes code `internal`. */
export function toWireError(error: unknown): WireError {
  if (isEngineError(error)) {
    return { marker, code: error.code, message: error.message, details: error.details }
  }
  const message = error instanceof Error ? error.message : String(error)
  const stack = error instanceof Error ? error.stack : undefined
  return { marker, code: 'internal', message, details: { stack } }
}

export function fromWireError(wire: WireError): EngineError {
  return new EngineError(wire.code, wire.message, wire.details)
}

/** Throws `internal` when an invariant of ours does not hold. */
export function invariant(condition: unknown, message: () => string): asserts condition {
  if (!condition) throw new EngineError('internal', `Broken invariant: ${message()}`)
}

/** Throws `aborted` if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, phase: string): void {
  if (signal?.aborted) throw abortedError(phase)
}

export function abortedError(phase: string): EngineError {
  return new EngineError('aborted', `Aborted during ${phase}.`, { phase })
}
