import { expect, it } from 'vitest'
import { ropeFactors, ropeTable } from './rope-table'

const rope = { dim: 4, base: 10000, neox: false }

it('computes angles in double precision, divided by the file’s factors and scale, lengthened by its magnitude', () => {
  const stretched = { ...rope, scale: 2, magnitude: 1.5 }
  for (const [{ scale = 1, magnitude = 1, ...of }, ...factors] of [
    [rope, 1, 8],
    [stretched, 1, 8],
    [stretched, 1, 1],
  ] as Array<[typeof stretched, number, number]>) {
    const table = ropeTable({ scale, magnitude, ...of }, 3, Float32Array.from(factors))
    const angles = [0, 1, 2].flatMap(p => [p / factors[0]! / scale, (p * 0.01) / factors[1]! / scale])
    const expected = angles.flatMap(a => [magnitude * Math.cos(a), magnitude * Math.sin(a)])
    for (const [i, value] of table.entries()) expect(value).toBeCloseTo(expected[i]!, 6)
  }
})

it('takes the factors for long contexts where the context is longer than the original', () => {
  const [short, long, all] = [1, 2, 3].map(x => Float32Array.of(x, x)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const model = { rope: { ...rope, originalContext: 4096 }, context: 131072 }
  const both = new Map([
    ['rope_factors_short.weight', short],
    ['rope_factors_long.weight', long],
  ])
  expect(ropeFactors(model, 4096, both)).toBe(short)
  expect(ropeFactors(model, 4097, both)).toBe(long)
  expect(ropeFactors(model, 4096, new Map([['rope_freqs.weight', all]]))).toBe(all)
  expect(ropeFactors(model, 4096, new Map())).toBeUndefined()
})
