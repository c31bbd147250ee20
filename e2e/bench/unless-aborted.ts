/** What ends because a bench has ended it is no failure. */
import { isEngineError } from '@foretoken/errors'

export const unlessAborted =
  (signal: AbortSignal) =>
  (error: unknown): void => {
    if (!(signal.aborted && isEngineError(error) && error.code === 'aborted')) throw error
  }
