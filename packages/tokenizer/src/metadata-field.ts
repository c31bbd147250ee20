import { badModel } from './bad-model'

export type Metadata = ReadonlyMap<string, unknown>

/** The reader of one key each: undefined where the key is missing, `bad-model` where its type is wrong. */
export const stringField = (metadata: Metadata, key: string) =>
  field(metadata, key, 'a string', (value): value is string => typeof value === 'string')

export const booleanField = (metadata: Metadata, key: string) =>
  field(metadata, key, 'a boolean', (value): value is boolean => typeof value === 'boolean')

export const stringsField = (metadata: Metadata, key: string) =>
  arrayField(metadata, key, 'a string', (value): value is string => typeof value === 'string')

export const numbersField = (metadata: Metadata, key: string) =>
  arrayField(metadata, key, 'a number', (value): value is number => typeof value === 'number')

/** A token id: an integer below `vocabSize`. */
export const idField = (metadata: Metadata, key: string, vocabSize: number) =>
  field(metadata, key, `a token id from 0 to ${vocabSize - 1}`, (value): value is number => {
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabSize
  })

/** The value, or `bad-model` where it is undefined. */
export function required<T>(value: T | undefined, key: string): T {
  if (value !== undefined) return value
  throw badModel(`The file has no ${key}.`, { key, expected: 'present', found: 'missing' })
}

function field<T>(metadata: Metadata, key: string, expected: string, is: (value: unknown) => value is T) {
  const value = metadata.get(key)
  if (value === undefined || is(value)) return value
  const found = typeof value === 'number' ? value : typeof value
  throw badModel(`${key} must be ${expected}, found ${found}.`, { key, expected, found })
}

function arrayField<T>(
  metadata: Metadata,
  key: string,
  expected: string,
  is: (value: unknown) => value is T,
) {
  const values = field(metadata, key, 'an array', Array.isArray)
  if (values === undefined) return undefined
  const index = values.findIndex(value => !is(value))
  if (index === -1) return values as T[]
  const found = typeof values[index]
  throw badModel(`${key}[${index}] must be ${expected}, found ${found}.`, { key, index, expected, found })
}
