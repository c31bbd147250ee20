import { GgufReader, toFloat32 } from '@foretoken/weights'
import { expect, it } from 'vitest'
import { largeRandomModel, randomModel } from './random-model'
import { requantise } from './requantise'

const shape = { vocab: 300, dim: 64, layers: 2, heads: 4, kvHeads: 2, ffn: 96, context: 64, tied: true }

async function read(file: Blob) {
  const reader = await GgufReader.open(file)
  const values = new Map<string, number[]>()
  for await (const { tensor, numRows, data } of reader.rows()) {
    const { name, type, columns } = tensor
    values.set(name, [...(values.get(name) ?? []), ...toFloat32(type, data, numRows * columns)])
  }
  return { tensors: new Map(reader.tensors.map(tensor => [tensor.name, tensor])), values }
}

it('makes a large model of a shape whose data follow its header', async () => {
  const { tensors, values } = await read(largeRandomModel(1, shape, 'q4_0'))
  expect(tensors.has('output.weight')).toBe(false)
  expect(tensors.get('token_embd.weight')).toMatchObject({ rows: 300, columns: 64, type: 'q4_0' })
  expect(tensors.get('blk.1.ffn_down.weight')).toMatchObject({ rows: 64, columns: 96, type: 'q4_0' })
  expect(tensors.get('blk.1.ffn_norm.weight')).toMatchObject({ rows: 1, columns: 64, type: 'f32' })
  expect(new Set(values.get('output_norm.weight'))).toEqual(new Set([1]))
  for (const [name, all] of values) {
    if (name.includes('norm')) continue
    const variance = all.reduce((sum, value) => sum + value * value, 0) / all.length
    expect(variance * shape.dim, name).toBeGreaterThan(0.8)
    expect(variance * shape.dim, name).toBeLessThan(1.2)
  }
})

it('quantises the matrices of a file anew, and nothing else', async () => {
  const original = randomModel(1, shape)
  const before = await read(original)
  const url = URL.createObjectURL(original)
  const after = await read(await requantise(new URL(url), 'q8_0'))
  URL.revokeObjectURL(url)
  expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()])
  expect(after.tensors.get('blk.0.attn_q.weight')!.type).toBe('q8_0')
  expect(after.tensors.get('blk.0.attn_norm.weight')!.type).toBe('f32')
  for (const [name, all] of after.values) {
    const worst = Math.max(...all.map((value, i) => Math.abs(value - before.values.get(name)![i]!)))
    expect(worst, name).toBeLessThan(0.03)
  }
})
