import type { RowGroup, TensorInfo } from '@foretoken/weights'
import { expect, it } from 'vitest'
import type { ModelConfig } from './model-config'
import { unstack, unstackedRows } from './stacked-tensors'

const config: ModelConfig = {
  architecture: 'phi3',
  layers: 1,
  dim: 8,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  ffn: 48,
  vocab: 64,
  context: 256,
  normEpsilon: 1e-6,
  attentionScale: 1 / Math.sqrt(8),
  rope: { dim: 8, base: 10000, neox: true },
}

const tensorOf = (name: string, rows: number): TensorInfo => {
  return { name, type: 'f32', rows, columns: 8, offset: 1000, bytes: rows * 32 }
}
const qkv = tensorOf('blk.0.attn_qkv.weight', 64)

it('takes q, k and v apart, as rows of the file, and leaves other tensors as they are', () => {
  const norm = tensorOf('blk.0.attn_norm.weight', 1)
  expect(unstack(config, [qkv, norm])).toEqual([
    { ...qkv, name: 'blk.0.attn_q.weight', rows: 32, bytes: 1024, offset: 1000 },
    { ...qkv, name: 'blk.0.attn_k.weight', rows: 16, bytes: 512, offset: 2024 },
    { ...qkv, name: 'blk.0.attn_v.weight', rows: 16, bytes: 512, offset: 2536 },
    norm,
  ])
  expect(unstack({ ...config, architecture: 'llama' }, [qkv])).toEqual([qkv])
})

it('hands each matrix its rows, in whatever groups they come', async () => {
  async function* groups(): AsyncGenerator<RowGroup> {
    for (const [firstRow, numRows] of [
      [0, 16],
      [16, 48],
    ] as const) {
      const data = new Uint8Array(numRows * 32).map((_, i) => firstRow + Math.floor(i / 32))
      yield { tensor: qkv, firstRow, numRows, data }
    }
  }
  const found: Array<[string, number, number, number]> = []
  for await (const { tensor, firstRow, numRows, data } of unstackedRows(config, groups())) {
    expect(data.length).toBe(numRows * 32)
    found.push([tensor.name.split('.')[2]!, firstRow, numRows, data[0]!])
  }
  expect(found).toEqual([
    ['attn_q', 0, 16, 0],
    ['attn_q', 16, 16, 16],
    ['attn_k', 0, 16, 32],
    ['attn_v', 0, 16, 48],
  ])
})

it.each([
  ['rows that are missing', config, tensorOf('blk.0.attn_qkv.weight', 63)],
  ['matrices that share a tile', { ...config, ffn: 40 }, tensorOf('blk.0.ffn_up.weight', 80)],
])('refuses %s by the tensor’s name', (_, shape, tensor) => {
  expect(() => unstack(shape, [tensor])).toThrowError(
    expect.objectContaining({
      code: 'bad-model',
      details: expect.objectContaining({ tensor: tensor.name, found: tensor.rows }),
    }),
  )
})
