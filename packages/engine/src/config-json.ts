/** Values of a config.json, each checked where it is read. */
import { EngineError } from '@foretoken/errors'
import type { JsonObject } from '@foretoken/weights'

export const objectOf = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null ? (value as JsonObject) : {}

export function numberOf(config: JsonObject, key: string, fallback?: unknown): number {
  const value = config[key] ?? fallback
  if (isPositive(value)) return value
  throw unexpected(key, value, 'a positive number')
}

export const isPositive = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0

export function unexpected(key: string, found: unknown, expected: unknown): EngineError {
  const [text, wanted] = [JSON.stringify(found) ?? 'nothing', [expected].flat().join(' or ')]
  return new EngineError('bad-model', `config.json: "${key}" is ${text}, expected ${wanted}.`, {
    file: 'config.json',
    key,
    found: found ?? null,
    expected,
  })
}
