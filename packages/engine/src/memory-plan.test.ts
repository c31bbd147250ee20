import { rowBytes, type TensorInfo } from '@foretoken/weights'
import { describe, expect, it } from 'vitest'
import { totalBytes } from './buffer-plan'
import { headName, layOutHeads } from './heads'
import {
  kvBytesPerPosition,
  largestContextThatFits,
  type MemoryRequest,
  outOfMemory,
  planMemory,
  WORK_BUDGET_BYTES,
} from './memory-plan'
import type { ModelConfig } from './model-config'
import { planWeights } from './weight-layout'

const MiB = 2 ** 20
/** What WebGPU guarantees. */
const guaranteed = 128 * MiB

const shape = (values: Partial<ModelConfig>): ModelConfig => {
  const { dim = 64, heads = 4 } = values
  const headDim = values.headDim ?? dim / heads
  return {
    architecture: 'llama',
    layers: 2,
    dim,
    heads,
    kvHeads: heads,
    headDim,
    ffn: 4 * dim,
    vocab: 512,
    context: 4096,
    attentionScale: 1 / Math.sqrt(headDim),
    normEpsilon: 1e-5,
    rope: { dim: headDim, base: 10000, neox: false },
    ...values,
  }
}

const llama8B = shape({
  layers: 32,
  dim: 4096,
  heads: 32,
  kvHeads: 8,
  ffn: 14336,
  vocab: 128256,
  context: 131072,
})
const llama1B = shape({
  layers: 16,
  dim: 2048,
  heads: 32,
  kvHeads: 8,
  ffn: 8192,
  vocab: 128256,
  context: 131072,
})
const qwen1B = shape({
  layers: 28,
  dim: 1536,
  heads: 12,
  kvHeads: 2,
  ffn: 8960,
  vocab: 151936,
  context: 32768,
})
const gemma4B = shape({
  layers: 34,
  dim: 2560,
  heads: 8,
  kvHeads: 4,
  headDim: 256,
  ffn: 10240,
  vocab: 262144,
  context: 131072,
})
const smol = shape({ layers: 30, dim: 576, heads: 9, kvHeads: 3, ffn: 1536, vocab: 49152, context: 8192 })

/** The tensors of such a model as a header tells them. */
function tensorsOf(config: ModelConfig, type: TensorInfo['type'], { tied = false } = {}): TensorInfo[] {
  const { dim, heads, kvHeads, headDim, ffn, vocab, layers } = config
  const tensors: TensorInfo[] = []
  const add = (name: string, rows: number, columns: number, of: TensorInfo['type'] = type) => {
    const bytes = rows * rowBytes(of, columns)
    const last = tensors.at(-1)
    tensors.push({
      name: `${name}.weight`,
      type: of,
      rows,
      columns,
      offset: last ? last.offset + last.bytes : 0,
      bytes,
    })
  }
  add('token_embd', vocab, dim)
  for (let i = 0; i < layers; i++) {
    add(`blk.${i}.attn_norm`, 1, dim, 'f32')
    add(`blk.${i}.attn_q`, heads * headDim, dim)
    add(`blk.${i}.attn_k`, kvHeads * headDim, dim)
    add(`blk.${i}.attn_v`, kvHeads * headDim, dim)
    add(`blk.${i}.attn_output`, dim, heads * headDim)
    add(`blk.${i}.ffn_norm`, 1, dim, 'f32')
    add(`blk.${i}.ffn_gate`, ffn, dim)
    add(`blk.${i}.ffn_up`, ffn, dim)
    add(`blk.${i}.ffn_down`, dim, ffn)
  }
  add('output_norm', 1, dim, 'f32')
  if (!tied) add('output', vocab, dim)
  return tensors
}

function request(
  configs: ModelConfig[],
  options: Partial<MemoryRequest> & { type?: TensorInfo['type'] } = {},
): MemoryRequest {
  const { type = 'q8_0', maxBufferBytes = guaranteed, ...others } = options
  const models = configs.map(config => {
    return { config, layout: planWeights(config, tensorsOf(config, type), maxBufferBytes) }
  })
  return {
    models,
    maxConcurrent: 4,
    contextLength: 4096,
    kvType: 'f16',
    maxBufferBytes,
    isSoftware: false,
    ...others,
  }
}

describe('a memory plan', () => {
  it('has room for trees of a draft and for heads, whatever the vocabulary', () => {
    const heads = Array.from({ length: 5 }, (_, i): TensorInfo => {
      const { dim } = gemma4B
      return { name: headName(i), type: 'f16', rows: dim, columns: dim, offset: 0, bytes: dim * dim * 2 }
    })
    const { numHeads, ...layout } = layOutHeads(heads, gemma4B.dim, guaranteed)
    const asked = request([gemma4B, { ...gemma4B, layers: 4 }], { trees: true, heads: { numHeads, layout } })
    const { plan, shortage } = planMemory(asked)
    expect(shortage).toBeUndefined()
    expect(plan.bytes.work).toBeLessThanOrEqual(WORK_BUDGET_BYTES)
    expect(plan.heads!.products.bytes).toBe(plan.sizes.maxConcurrent * 5 * gemma4B.dim * 4)
    const without = planMemory(request([gemma4B])).plan
    expect(without.heads).toBeUndefined()
  })

  it.each<[string, ModelConfig[], number]>([
    ['Llama 8B', [llama8B], 4],
    ['Llama 8B with 1B', [llama8B, llama1B], 4],
    ['Llama 1B', [llama1B], 32],
    ['Qwen 1.5B', [qwen1B], 4],
    ['Gemma 4B', [gemma4B], 4],
    ['Gemma 4B for many', [gemma4B], 32],
    ['SmolLM', [smol, smol], 32],
    ['Llama 8B with three drafts', [llama8B, llama1B, llama1B, llama1B], 4],
  ])('of %s works within 64 MB and binds nothing that is too large', (_, configs, maxConcurrent) => {
    const { plan, shortage } = planMemory(request(configs, { maxConcurrent }))
    expect(shortage).toBeUndefined()
    expect(plan.bytes.work).toBeLessThanOrEqual(WORK_BUDGET_BYTES)
    expect(WORK_BUDGET_BYTES).toBeLessThanOrEqual(64e6)
    for (const { label, bytes } of plan.buffers) expect(bytes, label).toBeLessThanOrEqual(guaranteed)
    expect(plan.sizes.maxRows).toBeGreaterThanOrEqual(plan.sizes.maxConcurrent)
    expect(plan.sizes.maxSamples).toBeGreaterThanOrEqual(Math.max(17, plan.sizes.maxConcurrent))
    expect(plan.sizes.contextLength).toBe(4096)
  })

  it('makes passes no smaller than they must be', () => {
    const sizes = (configs: ModelConfig[], maxConcurrent = 4) => {
      const { maxRows, maxSamples, ...others } = planMemory(request(configs, { maxConcurrent })).plan.sizes
      return [maxRows, maxSamples, others.maxConcurrent]
    }
    expect(sizes([smol])).toEqual([256, 64, 4])
    expect(sizes([llama1B])).toEqual([128, 64, 4])
    expect(sizes([llama1B], 1)).toEqual([256, 32, 1])
    expect(sizes([llama8B])).toEqual([128, 32, 4])
    expect(sizes([llama8B, llama1B])).toEqual([128, 32, 4])
    // Counts of tokens and logits of 32 sequences alone would be 67 MB.
    expect(sizes([gemma4B], 32)[2]).toBe(8)
  })

  it('has room for activations as integers, of the widest matrix, only where they are asked for', () => {
    const exact = planMemory(request([smol, llama1B])).plan
    const fast = planMemory(request([smol, llama1B], { numerics: 'fast' })).plan
    // One byte for a number, and 16 bytes beside 16 of them.
    expect(fast.bytes.work).toBe(exact.bytes.work + fast.sizes.maxRows * llama1B.ffn * 2)
    expect(fast.llamas[0]!.quantised).toBe(fast.llamas[1]!.quantised)
    expect(exact.llamas[0]!.quantised).toBeUndefined()
  })

  it('keeps draft probabilities within what there is to work in, only where they are asked for', () => {
    const work = (verificationDepth: number, models: ModelConfig[] = [smol, smol]) =>
      planMemory(request(models, { verificationDepth })).plan.bytes.work
    const plain = planMemory(request([smol, smol])).plan.bytes.work
    expect(work(0)).toBe(plain)
    expect(work(4)).toBe(plain - 16 + 4 * 4 * smol.vocab * 4)
    expect(work(16, [smol])).toBe(planMemory(request([smol])).plan.bytes.work)
    // Llama 8B with 1B: fewer requests run together, then nothing is left to give way.
    const large = (verificationDepth: number) =>
      planMemory(request([llama8B, llama1B], { verificationDepth }))
    expect(large(4).plan.sizes).toMatchObject({ maxConcurrent: 4, verificationDepth: 4 })
    expect(large(16).plan.sizes).toMatchObject({ maxConcurrent: 2, verificationDepth: 16 })
    const { plan, shortage } = planMemory(request([gemma4B, gemma4B], { verificationDepth: 16 }))
    expect(plan.sizes.maxConcurrent).toBe(1)
    expect(shortage).toMatchObject({ asked: plan.bytes.work, offered: WORK_BUDGET_BYTES })
  })

  it('keeps weights as they are stored', () => {
    for (const type of ['f32', 'f16', 'q8_0', 'q4_0'] as const) {
      const tensors = tensorsOf(llama1B, type)
      const stored = tensors.reduce((sum, { bytes }) => sum + bytes, 0)
      const { weights } = planMemory(request([llama1B], { type })).plan.bytes
      // Formats without scales have a stand-in of 16 bytes bound in their place.
      expect(weights - stored).toBeLessThanOrEqual(16 * tensors.length)
      expect(weights).toBeGreaterThanOrEqual(stored)
    }
  })

  it('gives the cache 512 MiB, or what one sequence needs', () => {
    const small = planMemory(request([smol])).plan
    expect(small.bytes.kv).toBe(4 * 4096 * kvBytesPerPosition(request([smol])))
    const many = planMemory(request([llama1B], { maxConcurrent: 32 })).plan
    expect(many.bytes.kv).toBeLessThanOrEqual(512 * MiB)
    expect(many.sizes.numBlocks).toBe(256)
    const long = request([llama1B], { contextLength: 32768 })
    expect(planMemory(long).plan.bytes.kv).toBe(32768 * kvBytesPerPosition(long))
    expect(kvBytesPerPosition(long)).toBe(16 * 2 * 8 * 64 * 2)
  })

  it('refuses a cache that no binding holds, and says which context would fit', () => {
    const asked = request([llama8B], { contextLength: 65536 })
    const { plan, shortage } = planMemory(asked)
    expect(shortage).toMatchObject({ tensor: 'KV 0', asked: 65536 * 4096, offered: guaranteed })
    const error = outOfMemory(asked, plan, shortage!)
    expect(error.code).toBe('out-of-memory')
    expect(error.details).toMatchObject({
      tensor: 'KV 0',
      asked: 65536 * 4096,
      offered: guaranteed,
      pools: plan.bytes,
      contextLength: 65536,
      largestContextThatFits: 32768,
    })
    expect(error.details.largestTensor).toMatchObject({
      tensor: expect.stringMatching(/^token_embd|^output/),
    })
    expect(error.message).toContain('A contextLength of 32768 would fit.')
  })

  it('tells the greatest context that fits, exactly', () => {
    for (const [config, maxBufferBytes] of [
      [llama8B, guaranteed],
      [llama1B, guaranteed],
      [smol, guaranteed],
      [smol, 2 ** 31],
      [llama8B, 2 ** 31],
    ] as const) {
      const asked = request([config], { maxBufferBytes })
      const largest = largestContextThatFits(asked)
      expect(planMemory({ ...asked, contextLength: largest }).shortage).toBeUndefined()
      if (largest === config.context) continue
      expect(planMemory({ ...asked, contextLength: largest + 64 }).shortage).toBeDefined()
    }
    expect(largestContextThatFits(request([smol]))).toBe(8192)
  })

  it('keeps to what a device has given', () => {
    const asked = request([smol, smol])
    const all = totalBytes(planMemory(asked).plan.bytes)
    expect(planMemory({ ...asked, maxTotalBytes: all }).shortage).toBeUndefined()
    const short = { ...asked, maxTotalBytes: all * 0.9 }
    expect(planMemory({ ...asked, maxTotalBytes: 1e6 }).shortage).toMatchObject({ offered: 1e6 })
    const largest = largestContextThatFits(short)
    expect(largest).toBeGreaterThan(0)
    expect(largest).toBeLessThan(4096)
    expect(largestContextThatFits({ ...asked, maxTotalBytes: 1e6 })).toBe(0)
  })
})

describe('weights larger than a binding', () => {
  const parts = (config: ModelConfig, name: string, maxBufferBytes: number) =>
    planWeights(config, tensorsOf(config, 'f16'), maxBufferBytes).matrices.get(`${name}.weight`)!.parts

  it('are cut into whole tiles of rows, as few parts as can be, of all rows once', () => {
    const embedding = parts(llama8B, 'token_embd', guaranteed)
    // 128256 rows of 8 KiB are 1002 MiB.
    expect(embedding).toHaveLength(8)
    let next = 0
    for (const { start, rows, firstRow, quants } of embedding) {
      expect([start, firstRow, start % 16]).toEqual([next, 0, 0])
      expect(quants.bytes).toBeLessThanOrEqual(guaranteed)
      next += rows
    }
    expect(next).toBe(128256)
    expect(new Set(embedding.map(({ quants }) => quants)).size).toBe(8)
  })

  it('are fused with their neighbours as long as all of them fit', () => {
    const limit = 2 * 14336 * 4096 * 2
    const [gate] = parts(llama8B, 'blk.3.ffn_gate', limit)
    const [up] = parts(llama8B, 'blk.3.ffn_up', limit)
    expect(up!.quants).toEqual(gate!.quants)
    expect([gate!.firstRow, up!.firstRow]).toEqual([0, 14336])
    const [alone, ...others] = parts(llama8B, 'blk.3.ffn_gate', limit - 1)
    expect(others).toEqual([])
    expect(alone!.quants.label).toBe('blk.3.ffn_gate.weight')
    expect(parts(llama8B, 'blk.3.ffn_gate', limit / 2 - 1)).toHaveLength(2)
  })

  it('are refused where not even one tile fits', () => {
    const tile = 16 * 64 * 2
    const asked = request([shape({ vocab: 100, ffn: 32 })], { type: 'f16', maxBufferBytes: tile - 1 })
    expect(planMemory(asked).shortage).toMatchObject({ offered: tile - 1 })
    expect(largestContextThatFits(asked)).toBe(0)
  })
})
