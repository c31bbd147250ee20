/** What stays on this side of the worker, so the worker cannot check it. */
import { EngineError } from '@foretoken/errors'

/** An AbortSignal of any realm, or nothing. */
export function checkSignal(signal: unknown): void {
  const isListenable = typeof (signal as Partial<AbortSignal> | null)?.addEventListener === 'function'
  if (signal !== undefined && signal !== null && !isListenable) throw bad('signal', signal, 'an AbortSignal')
}

export function checkOnProgress(onProgress: unknown): void {
  if (onProgress === undefined || typeof onProgress === 'function') return
  throw bad('onProgress', onProgress, 'a function')
}

export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw bad('options', options, 'an object')
}

function bad(argument: string, value: unknown, allowed: string): EngineError {
  return new EngineError('bad-request', `${argument} must be ${allowed}.`, { argument, value, allowed })
}
