import { describe, expect, it } from 'vitest'
import { gumbel, hash } from './noise'
import { Random } from './random'
import { draw, keyOf, scores } from './sample'

const plain = { temperature: 1, topK: 0, topP: 1, minP: 0 }

/** Chi-square of counts against probabilities. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): number {
  const total = counts.reduce((a, b) => a + b)
  return counts.reduce((sum, count, i) => {
    const wanted = probabilities[i]! * total
    return sum + (count - wanted) ** 2 / wanted
  }, 0)
}

function softmax(logits: Float32Array): number[] {
  const weights = [...logits].map(Math.exp)
  const total = weights.reduce((a, b) => a + b)
  return weights.map(weight => weight / total)
}

/** 99.9 % of a chi-square distribution (Wilson and Hilferty). */
const bound = (degrees: number) =>
  degrees * (1 - 2 / (9 * degrees) + 3.09 * Math.sqrt(2 / (9 * degrees))) ** 3

describe('the noise', () => {
  it.each([
    ['over positions', 1, (i: number): [number, number] => [i, 1]],
    ['over seeds', 2, (i: number): [number, number] => [7, i]],
    ['over both, at T = 0.5', 0.5, (i: number): [number, number] => [i % 300, Math.floor(i / 300)]],
  ])('draws 100 000 tokens from the softmax %s', (_, temperature, place) => {
    const logits = new Random(3).matrix(1, 24, 24, 3)
    const counts = new Array<number>(24).fill(0)
    for (let i = 0; i < 100_000; i++) {
      const [position, seed] = place(i)
      counts[draw(logits, position, seed, { ...plain, temperature })]!++
    }
    const probabilities = softmax(logits.map(value => value / temperature))
    expect(chiSquare(counts, probabilities)).toBeLessThan(bound(23))
  })

  it('is Gumbel, in the tail that decides too', () => {
    const count = 2_000_000
    const levels = [-2, -1, 0, 1, 3, 5, 8, 10]
    const above = levels.map(() => 0)
    for (let token = 0; token < count; token++) {
      const noise = gumbel(token, 5, 9)
      for (const [i, level] of levels.entries()) if (noise > level) above[i]!++
    }
    for (const [i, level] of levels.entries()) {
      const wanted = count * (1 - Math.exp(-Math.exp(-level)))
      expect(Math.abs(above[i]! - wanted)).toBeLessThan(4 * Math.sqrt(wanted))
    }
  })

  it('of neighbouring positions, seeds and tokens is unrelated', () => {
    const bits = (words: number[]) => words.map(word => word / 2 ** 32 - 0.5)
    const at = (t: number, p: number, s: number) =>
      bits(Array.from({ length: 4000 }, (_, i) => hash(t * i, p * i, s * i)))
    const pairs = [at(1, 0, 0), at(0, 1, 0), at(0, 0, 1), at(1, 1, 0), at(1, 0, 1)]
    for (const values of pairs) {
      for (const lag of [1, 2, 64]) {
        const products = values.slice(lag).map((value, i) => value * values[i]!)
        const correlation = (12 * products.reduce((a, b) => a + b)) / products.length
        expect(Math.abs(correlation)).toBeLessThan(0.08)
      }
    }
  })
})

describe('the filters', () => {
  const logits = new Float32Array([1, 3, 3, 2, 0, -1])
  const kept = (filters: object) =>
    [...scores(logits, 0, 1, { ...plain, ...filters }).keys()].filter(
      token => scores(logits, 0, 1, { ...plain, ...filters })[token]! > -1e30,
    )

  it('keep what they should', () => {
    expect(kept({})).toEqual([0, 1, 2, 3, 4, 5])
    expect(kept({ topK: 1 })).toEqual([1, 2]) // a tie with the k-th stays
    expect(kept({ topK: 3 })).toEqual([1, 2, 3])
    expect(kept({ topP: 0 })).toEqual([1, 2])
    expect(kept({ topP: 0.9 })).toEqual([1, 2, 3])
    expect(kept({ topP: 0.9, topK: 2 })).toEqual([1, 2])
    expect(kept({ minP: 0.3 })).toEqual([1, 2, 3])
    expect(kept({ minP: 1 })).toEqual([1, 2])
    expect(kept({ minP: 0.3, temperature: 0.5 })).toEqual([1, 2])
  })

  it('order keys as floats', () => {
    const random = new Random(1)
    const values = [-3e38, -1, -1e-40, -0, 0, 1e-40, 1, 3e38, ...random.matrix(1, 100, 100, 1e3)]
    values.sort((a, b) => a - b || (Object.is(a, -0) ? -1 : 1))
    const keys = values.map(value => keyOf(value))
    expect(keys).toEqual([...keys].sort((a, b) => a - b))
  })
})
