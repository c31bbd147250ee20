/** A file of tensors of many types, as K-quant files are: what it computes is what its values in f32 compute. */
import { Engine, type EngineInternals, preflight, sharedDevice } from '@foretoken/engine'
import { expect, it } from 'vitest'
import { type BlockType, withRandomBlocks } from './bench/random-blocks'
import { randomModel } from './bench/random-model'
import { requantise } from './bench/requantise'
import { smallKernels } from './small-kernels'

const shape = { vocab: 300, dim: 256, layers: 3, heads: 4, kvHeads: 2, ffn: 256, context: 256, tied: false }

/** The first layer as in a Q4_K_M file, with a fused pair and a matrix of its own; then what else there is. */
const types: ReadonlyArray<readonly [name: RegExp, type: BlockType]> = [
  [/^token_embd/, 'q4_k'],
  [/^output\.|^blk\.0\.(attn_v|ffn_down)/, 'q6_k'],
  [/^blk\.0\./, 'q4_k'],
  [/^blk\.1\.attn_[qkv]/, 'q5_k'],
  [/^blk\.1\.ffn_(gate|up)/, 'q6_k'],
  [/^blk\.1\./, 'q4_1'],
  [/^blk\.2\.attn_/, 'q5_0'],
  [/^blk\.2\./, 'q5_1'],
]
const typeOf = (name: string) => types.find(([pattern]) => pattern.test(name))![1]

const bitsPerWeight: Partial<Record<BlockType, number>> = {
  q4_1: 5,
  q5_0: 5.5,
  q5_1: 6,
  q4_k: 5,
  q5_k: 6,
  q6_k: 7,
}

/** Of matrices whose rows are whole tiles and whose columns need no padding. */
function expectedBytes(): number {
  const { vocab, dim, ffn, layers } = shape
  const bytes = (name: string, rows: number, columns: number) =>
    (Math.ceil(rows / 16) * 16 * columns * bitsPerWeight[typeOf(name)]!) / 8
  const layer = (i: number) =>
    [
      ['attn_q', dim],
      ['attn_k', dim / 2],
      ['attn_v', dim / 2],
      ['attn_output', dim],
      ['ffn_gate', ffn],
      ['ffn_up', ffn],
      ['ffn_down', dim],
    ].reduce((sum, [name, rows]) => sum + bytes(`blk.${i}.${name}.weight`, Number(rows), dim), 8 * dim)
  const ends = bytes('token_embd.weight', vocab, dim) + bytes('output.weight', vocab, dim) + 4 * dim
  return Array.from({ length: layers }, (_, i) => layer(i)).reduce((sum, size) => sum + size, ends)
}

const mixed = await withRandomBlocks(randomModel(1, shape), 2, typeOf)
const options = { maxConcurrent: 2, contextLength: 256 }
const tokens = Array.from({ length: 70 }, (_, i) => (i * i * 7) % shape.vocab)

/** What the model says of 70 tokens, and how it goes on, plainly and with drafts. */
async function run(model: Blob, internals: EngineInternals) {
  const device = await sharedDevice()
  const engine = await Engine.load({ model, ...options }, { skipCalibration: true, device, ...internals })
  const { logits } = await engine.forward(tokens)
  const ids: number[][] = []
  for (const temperature of [0, 1]) {
    for (const speculation of ['off', { method: 'lookup', depth: 4 }] as const) {
      const all: number[] = []
      const request = { tokens, temperature, seed: 5, maxTokens: 32, ignoreEos: true, speculation }
      for await (const { tokens } of engine.generate(request)) all.push(...tokens)
      ids.push(all)
    }
  }
  const { selfCheck } = engine.stats()
  await engine.dispose()
  return { bits: new Uint32Array(logits.slice().buffer), ids, selfCheck }
}

const ours = await run(mixed, { deviceProfile: smallKernels })

it('computes the bits of the same values in f32, with drafts and without', { timeout: 240_000 }, async () => {
  const { ids, bits } = ours
  expect(ours.selfCheck.tilesRefused).toEqual([])
  expect(ids.map(({ length }) => length)).toEqual([32, 32, 32, 32])
  expect(new Set(ids[2]).size).toBeGreaterThan(8)
  expect(ids[1]).toEqual(ids[0])
  expect(ids[3]).toEqual(ids[2])
  const plain = await run(await requantise(mixed, 'f32'), { deviceProfile: smallKernels })
  expect(bits).toEqual(plain.bits)
  expect(ids).toEqual(plain.ids)
})

it('has the same bits where rows pass by, and in a prefill tile', { timeout: 240_000 }, async () => {
  const passing = { rows: 32, outputs: 2, held: 2 }
  const tile = { rows: 16, outputs: 16, threadRows: 2, threadOutputs: 4, slice: 1 }
  for (const more of [{ passing }, { prefill: [{ upTo: Number.POSITIVE_INFINITY, tile }] }]) {
    const other = await run(mixed, { deviceProfile: { matmul: { ...smallKernels.matmul, ...more } } })
    expect(other.selfCheck.tilesRefused).toEqual([])
    expect(other.bits).toEqual(ours.bits)
    expect(other.ids).toEqual(ours.ids)
  }
})

it('takes the bytes that preflight counts', async () => {
  const { format, gpuBytes, downloadBytes } = await preflight({ model: mixed, ...options })
  expect(format).toBe('q4_k')
  expect(gpuBytes.weights).toBe(expectedBytes())
  expect(downloadBytes).toBeLessThan(gpuBytes.weights)
  expect(downloadBytes).toBeGreaterThan(gpuBytes.weights * 0.85)
})
