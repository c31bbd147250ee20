import type { TensorInfo } from '@foretoken/weights'
import { describe, expect, it } from 'vitest'
import { headName, layOutHeads } from './heads'

const head = (i: number, rows = 64, columns = 64): TensorInfo => {
  return { name: headName(i), type: 'f16', rows, columns, offset: 0, bytes: rows * columns * 2 }
}

describe('layOutHeads', () => {
  it('takes one matrix for each head, by its number', () => {
    const layout = layOutHeads([head(1), head(0), head(2)], 64, 2 ** 20)
    expect(layout.numHeads).toBe(3)
    expect([...layout.matrices.keys()]).toEqual([0, 1, 2].map(headName))
    expect(layout.numParameters).toBe(3 * 64 * 64)
  })

  it.each([
    ['no head', []],
    ['too many', Array.from({ length: 9 }, (_, i) => head(i))],
    ['a gap', [head(0), head(2)]],
    ['another width', [head(0, 32, 32)]],
    ['no square', [head(0, 64, 32)]],
    ['something else', [{ ...head(0), name: 'lm_head.weight' }]],
  ])('refuses %s', (_, tensors) => {
    expect(() => layOutHeads(tensors, 64, 2 ** 20)).toThrow(expect.objectContaining({ code: 'bad-model' }))
  })
})
