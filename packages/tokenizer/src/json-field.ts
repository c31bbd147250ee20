import { badModel } from './bad-model'

export type Json = Readonly<Record<string, unknown>>

/** Throws `bad-model` where the file is no JSON. */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    throw badModel(`${file} is no JSON: ${found}`, { key: file, expected: 'JSON', found }, error)
  }
}

/** The value as what it must be, or `bad-model` with its key. */
export const object = (value: unknown, key: string): Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Json)
    : fail(value, key, 'an object')

export const array = (value: unknown, key: string): readonly unknown[] =>
  Array.isArray(value) ? value : fail(value, key, 'an array')

export const string = (value: unknown, key: string): string =>
  typeof value === 'string' ? value : fail(value, key, 'a string')

export const boolean = (value: unknown, key: string): boolean =>
  typeof value === 'boolean' ? value : fail(value, key, 'a boolean')

/** A count or an id. */
export const number = (value: unknown, key: string): number =>
  Number.isSafeInteger(value) && (value as number) >= 0
    ? (value as number)
    : fail(value, key, 'an integer from 0')

/** `missing` where there is none. */
export const optional = <T>(
  read: (value: unknown, key: string) => T,
  value: unknown,
  key: string,
  missing: T,
): T => (value === undefined || value === null ? missing : read(value, key))

function fail(value: unknown, key: string, expected: string): never {
  const found = typeof value === 'number' ? value : value === null ? 'null' : typeof value
  throw badModel(`${key} must be ${expected}, found ${found}.`, { key, expected, found })
}
