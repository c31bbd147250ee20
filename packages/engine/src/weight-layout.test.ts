import type { TensorInfo } from '@foretoken/weights'
import { expect, it } from 'vitest'
import { type ArchitectureName, headVectors } from './architectures'
import type { ModelConfig } from './model-config'
import { planWeights } from './weight-layout'

const MiB = 2 ** 20

const config = (architecture: ArchitectureName): ModelConfig => ({
  architecture,
  layers: 2,
  dim: 32,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  ffn: 48,
  vocab: 64,
  context: 256,
  normEpsilon: 1e-6,
  attentionScale: 1 / 4,
  rope: { dim: 16, base: 10000, neox: true },
})

const llamaShapes: Array<[string, number, number]> = [
  ['attn_norm.weight', 1, 32],
  ['attn_q.weight', 64, 32],
  ['attn_k.weight', 32, 32],
  ['attn_v.weight', 32, 32],
  ['attn_output.weight', 32, 64],
  ['ffn_norm.weight', 1, 32],
  ['ffn_gate.weight', 48, 32],
  ['ffn_up.weight', 48, 32],
  ['ffn_down.weight', 32, 48],
]

/** The vectors of heads last, and so not in the order that the kernel reads them in. */
function tensors(more: Array<[string, number]>): TensorInfo[] {
  const layer = [...llamaShapes, ...more.map(([name, length]): [string, number, number] => [name, 1, length])]
  const named: Array<[string, number, number]> = [
    ['token_embd.weight', 64, 32],
    ['output_norm.weight', 1, 32],
    ...[0, 1].flatMap(i =>
      layer.map(([name, ...shape]): [string, number, number] => [`blk.${i}.${name}`, ...shape]),
    ),
  ]
  return named.map(([name, rows, columns], i) => ({
    name,
    type: 'f32',
    rows,
    columns,
    offset: i * MiB,
    bytes: rows * columns * 4,
  }))
}

const biases: Array<[string, number]> = [
  ['attn_v.bias', 32],
  ['attn_q.bias', 64],
  ['attn_k.bias', 32],
]
const norms: Array<[string, number]> = [
  ['attn_k_norm.weight', 16],
  ['attn_q_norm.weight', 16],
]

it.each([
  ['qwen2', biases, { 'attn_q.bias': 0, 'attn_k.bias': 256, 'attn_v.bias': 384 }, 512],
  ['qwen3', norms, { 'attn_q_norm.weight': 0, 'attn_k_norm.weight': 64 }, 128],
] as const)(
  'lays the vectors of heads of %s in one buffer, in the order of its kernel',
  (name, more, at, bytes) => {
    const { vectors, buffers } = planWeights(config(name), tensors([...more]), MiB)
    for (const i of [0, 1]) {
      const places = Object.entries(at).map(([key, offset]) => ({
        ...vectors.get(`blk.${i}.${key}`)!,
        expected: offset,
      }))
      expect(new Set(places.map(({ buffer }) => buffer)).size).toBe(1)
      expect(places.map(({ offset }) => offset)).toEqual(places.map(({ expected }) => expected))
      expect(places[0]!.buffer.bytes).toBe(bytes)
      expect(buffers.filter(buffer => buffer === places[0]!.buffer)).toHaveLength(1)
    }
  },
)

it.each([
  ['llama', biases, 'attn_v.bias', 'has no place'],
  ['qwen3', [], 'attn_q_norm.weight', 'is missing'],
  ['qwen2', biases.slice(1), 'attn_v.bias', 'is missing'],
  ['qwen2', [...biases.slice(1), ['attn_v.bias', 31]], 'attn_v.bias', '1 x 31'],
] as Array<[ArchitectureName, Array<[string, number]>, string, string]>)(
  '%s with %j is refused: %s %s',
  (name, more, tensor, told) => {
    expect(() => planWeights(config(name), tensors(more), MiB)).toThrowError(
      expect.objectContaining({
        code: 'bad-model',
        message: expect.stringContaining(told),
        details: expect.objectContaining({ tensor: `blk.0.${tensor}` }),
      }),
    )
  },
)

it('asks for no vectors of heads in a Llama', () => {
  expect(headVectors(config('llama'))).toEqual([])
})
