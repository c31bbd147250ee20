/** Schemas at random for tests, and whether a value is one of theirs. */
import fc from 'fast-check'

export type Schema = Record<string, unknown>

const names = fc.uniqueArray(fc.constantFrom('name', 'age', 'tags', 'is_big', 'where', 'x'), {
  minLength: 1,
  maxLength: 3,
})

/** Of what any value is written in a bounded number of tokens. */
export const objectSchemas = (): fc.Arbitrary<Schema> =>
  fc.letrec(tie => ({
    leaf: fc.constantFrom<Schema>(
      { type: 'boolean' },
      { type: 'null' },
      { type: 'integer', minimum: 0, maximum: 99 },
      { type: 'string', maxLength: 6 },
      { enum: ['red', 'blue', 7] },
      { const: 'fox' },
    ),
    list: fc.record({
      type: fc.constant('array'),
      items: tie('leaf'),
      minItems: fc.constant(1),
      maxItems: fc.constant(2),
    }),
    object: fc
      .tuple(
        names,
        fc.array(fc.oneof({ maxDepth: 2 }, tie('leaf'), tie('list'), tie('object')), {
          minLength: 3,
          maxLength: 3,
        }),
      )
      .map(([required, schemas]) => ({
        type: 'object',
        properties: Object.fromEntries(required.map((name, i) => [name, schemas[i]])),
        required,
      })),
  })).object as fc.Arbitrary<Schema>

/** Of these schemas alone. */
export function isValid(schema: Schema, value: unknown): boolean {
  if ('const' in schema) return value === schema.const
  if ('enum' in schema) return (schema.enum as unknown[]).includes(value)
  switch (schema.type) {
    case 'boolean':
      return typeof value === 'boolean'
    case 'null':
      return value === null
    case 'integer':
      return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 99
    case 'string':
      // What XGrammar takes for a character may be several that are none: overlong, or half a surrogate pair.
      return typeof value === 'string' && ([...value].length <= 6 || value.includes('\ufffd'))
    case 'array':
      return (
        Array.isArray(value) &&
        value.length >= 1 &&
        value.length <= 2 &&
        value.every(item => isValid(schema.items as Schema, item))
      )
    default: {
      const properties = schema.properties as Record<string, Schema>
      const held = (value ?? {}) as Record<string, unknown>
      const sameNames = Object.keys(held).sort().join() === Object.keys(properties).sort().join()
      return sameNames && Object.entries(properties).every(([name, own]) => isValid(own, held[name]))
    }
  }
}
