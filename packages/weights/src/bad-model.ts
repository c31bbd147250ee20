import { EngineError, type ErrorDetails, isEngineError } from '@foretoken/errors'

/** The file is no model that can be used. `details` name the offset, what was expected and what was found. */
export const badModel = (message: string, details: ErrorDetails) =>
  new EngineError('bad-model', message, details)

export const isBadModel = (error: unknown): boolean => isEngineError(error) && error.code === 'bad-model'
