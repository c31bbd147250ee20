import { expect, it } from 'vitest'
import { adviseDraft } from './advise-draft'

it('predicts both rows of Yan et al. and prefers the wide draft, though it agrees less', () => {
  const advice = adviseDraft(
    () => 60,
    [
      { name: 'deep 1.3B', stepMs: 13.13, agreement: { tar: 3.81, depth: 8 } },
      { name: 'wide 1.3B', stepMs: 6.69, agreement: { tar: 3.7, depth: 8 } },
    ],
  )
  expect(advice.map(({ name }) => name)).toEqual(['wide 1.3B', 'deep 1.3B'])
  expect(advice[0]!.tokensPerS).toBeCloseTo(32.59, 1)
  expect(advice[1]!.tokensPerS).toBeCloseTo(23.1, 1)
})

it('finds the best depth, and none where plain decoding is faster', () => {
  const survival = Array.from({ length: 16 }, (_, i) => 0.8 ** (i + 1))
  const at = (v: number, stepMs: number) =>
    adviseDraft(rows => 1 + v * (rows - 1), [{ name: 'draft', stepMs, agreement: { survival } }])[0]!
  // The break-even table of speculation.md section 2.
  expect(at(0.1, 0.1)).toMatchObject({ depth: 4, speedUp: expect.closeTo(1.87, 2) })
  expect(at(0.02, 0.25)).toMatchObject({ depth: 3, speedUp: expect.closeTo(1.63, 1) })
  expect(at(0.8, 0.1)).toMatchObject({ depth: 0, tar: 1, speedUp: 1 })
})

it('goes no deeper than survival is known', () => {
  const [advice] = adviseDraft(
    () => 10,
    [{ name: 'short', stepMs: 0.1, agreement: { survival: [0.9, 0.8] } }],
  )
  expect(advice).toMatchObject({ depth: 2, tar: 2.7 })
})
