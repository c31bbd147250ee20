/** The error for an argument of OpenAI's that is not supported, or not so. */
import { EngineError } from '@foretoken/errors'

export function refuse(argument: string, value: unknown, allowed: string): never {
  const message = `${argument}: ${shown(value)} was given; allowed: ${allowed}.`
  throw new EngineError('bad-request', message, { argument, value, allowed })
}

/** JSON where the value has it: NaN, a bigint and a circle have none. */
export function shown(value: unknown): string {
  if (typeof value === 'number') return String(value)
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
