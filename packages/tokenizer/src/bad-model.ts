import { EngineError, type ErrorDetails } from '@foretoken/errors'

/** The file's tokenizer is missing, inconsistent or not supported. `details` name the key. */
export const badModel = (message: string, details: ErrorDetails, cause?: unknown) =>
  new EngineError('bad-model', message, details, cause)
