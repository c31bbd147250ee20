/** Memory as planned: to the byte, in parts where a binding is too small, refused with numbers, and given back whole. */
import {
  Engine,
  type EngineInternals,
  type EngineOptions,
  type LoadPhase,
  type LoadProgress,
  preflight,
  sharedDevice,
} from '@foretoken/engine'
import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest'
import { type RandomModelShape, randomModel } from './bench/random-model'
import { smallKernels } from './small-kernels'

const quick: EngineInternals = {
  skipCalibration: true,
  deviceProfile: smallKernels,
  device: await sharedDevice(),
}
const small = { vocab: 300, dim: 64, layers: 2, heads: 4, kvHeads: 2, ffn: 100, context: 256 }
const model = randomModel(1, small)
const draft = randomModel(2, { ...small, layers: 1 })

/** Buffers as the browser sees them. */
let create: Mock<GPUDevice['createBuffer']>
let destroy: Mock<GPUBuffer['destroy']>
beforeEach(() => {
  create = vi.spyOn(GPUDevice.prototype, 'createBuffer')
  destroy = vi.spyOn(GPUBuffer.prototype, 'destroy')
})
afterEach(() => {
  vi.restoreAllMocks()
})

const created = () => create.mock.results.map(({ value }) => value as GPUBuffer)
const createdBytes = () => created().reduce((sum, { size }) => sum + size, 0)

function expectAllDestroyed(): void {
  expect(created().length).toBeGreaterThan(0)
  expect(new Set(destroy.mock.contexts)).toEqual(new Set(created()))
}

interface Wish extends Omit<Parameters<Engine['generate']>[0], 'signal'> {}

async function idsOf(engine: Engine, wish: Wish): Promise<number[]> {
  const ids: number[] = []
  for await (const batch of engine.generate({ maxTokens: 24, ignoreEos: true, ...wish }))
    ids.push(...batch.tokens)
  return ids
}

const tokensFor = (vocab: number) => Array.from({ length: 70 }, (_, i) => (i * i * 7) % vocab)

it('is what was planned, to the byte, and all given back, by five engines one after the other', {
  timeout: 240_000,
}, async () => {
  const wishes: Array<Omit<EngineOptions, 'model'>> = [
    {},
    { draft },
    { draft, maxConcurrent: 1, contextLength: 70 },
    { maxConcurrent: 32, kvType: 'f32' },
    { draft, contextLength: 32 },
  ]
  for (const wish of wishes) {
    const planned = await preflight({ model, ...wish })
    const numBefore = created().length
    const bytesBefore = createdBytes()
    const engine = await Engine.load({ model, ...wish }, quick)
    const { total, ...pools } = planned.gpuBytes
    expect(engine.stats().gpuBytes).toEqual(pools)
    expect(createdBytes() - bytesBefore).toBe(total)
    const numLoaded = created().length
    expect(numLoaded).toBeGreaterThan(numBefore)

    await engine.forward(tokensFor(small.vocab).slice(0, 30))
    await idsOf(engine, { tokens: [5, 6], logprobs: true, topLogprobs: 3, frequencyPenalty: 1 })
    expect(created()).toHaveLength(numLoaded)
    const { capacity } = engine.stats()
    expect(capacity).toMatchObject({ maxRows: 256, maxSamples: 64, maxConcurrent: wish.maxConcurrent ?? 4 })
    expect(capacity.kvPositions * planned.kvBytesPerPosition).toBe(planned.gpuBytes.kv)

    await engine.dispose()
    expect(engine.stats().gpuBytes).toEqual({ weights: 0, kv: 0, work: 0 })
    expectAllDestroyed()
  }
  expect(destroy).toHaveBeenCalledTimes(created().length)
})

describe('a model larger than a binding', () => {
  const shape = { vocab: 1100, dim: 512, layers: 1, heads: 8, kvHeads: 2, ffn: 512, context: 256 }

  it.each<[RandomModelShape['type'], number]>([
    ['f32', 9],
    ['q4_0', 2],
  ])('of %s has the same logits and ids in parts', { timeout: 240_000 }, async (type, numParts) => {
    const options = { model: randomModel(1, { ...shape, type }), draft: randomModel(1, { ...shape, type }) }
    const run = async (internals: EngineInternals) => {
      const engine = await Engine.load(options, { ...quick, ...internals })
      const tokens = tokensFor(shape.vocab)
      const { logits } = await engine.forward(tokens)
      const ids: number[][] = []
      for (const speculation of [
        'off',
        { method: 'draft', depth: 3 },
        { method: 'lookup', depth: 5 },
      ] as const) {
        ids.push(await idsOf(engine, { tokens, speculation }))
        ids.push(
          await idsOf(engine, { tokens, speculation, temperature: 1, seed: 3, repetitionPenalty: 1.2 }),
        )
      }
      const { selfCheck, capacity } = engine.stats()
      await engine.dispose()
      return { logits, ids, selfCheck, capacity }
    }
    const whole = await run({})
    const isEmbedding = ({ label }: GPUBuffer) =>
      /^token_embd.weight/.test(label) && !label.endsWith('scales')
    expect(created().filter(isEmbedding)).toHaveLength(2)
    create.mockClear()
    const maxBindingBytes = 2 ** 18
    const parts = await run({ maxBindingBytes })
    expect(created().filter(isEmbedding)).toHaveLength(2 * numParts)
    const bound = created().filter(({ usage }) => usage & GPUBufferUsage.STORAGE)
    expect(Math.max(...bound.map(({ size }) => size))).toBeLessThanOrEqual(maxBindingBytes)
    expect(parts.capacity).toMatchObject({ maxRows: 64, maxSamples: 32 })
    expect(parts.selfCheck).toEqual(whole.selfCheck)
    expect(parts.logits).toEqual(whole.logits)
    expect(parts.ids).toEqual(whole.ids)
    expect(whole.ids[2]).toEqual(whole.ids[0])
  })
})

/** A file that comes in pieces, its header first; counts what is taken of it. */
function streamed(file: Blob, pieceBytes: number) {
  const seen = { pieces: 0, numPieces: Math.ceil(file.size / pieceBytes), cancelled: false }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = file.slice(seen.pieces * pieceBytes, ++seen.pieces * pieceBytes)
        controller.enqueue(new Uint8Array(await piece.arrayBuffer()))
        if (seen.pieces === seen.numPieces) controller.close()
      },
      cancel() {
        seen.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response(body))
  return seen
}

describe('a refusal', () => {
  const url = 'https://example.com/model.gguf'
  // The header is 20 KB, the whole file 350 KB.
  const pieceBytes = 32 * 1024

  it('of what no binding holds comes after the header, with what would fit', async () => {
    const long = randomModel(1, { ...small, context: 1024 })
    const seen = streamed(long, pieceBytes)
    const maxBindingBytes = 200_000
    const promise = Engine.load(
      { model: url, contextLength: 1024, kvType: 'f32' },
      { ...quick, maxBindingBytes },
    )
    await expect(promise).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(/needs \d+ bytes in one buffer; this device binds at most 200000/),
      details: {
        tensor: 'KV 0',
        asked: 4 * 64 * 1024,
        offered: maxBindingBytes,
        contextLength: 1024,
        largestContextThatFits: 768,
        pools: { weights: expect.any(Number), kv: expect.any(Number), work: expect.any(Number) },
        largestTensor: { tensor: expect.any(String), bytes: expect.any(Number) },
      },
    })
    expect(created()).toEqual([])
    expect(seen).toEqual({ pieces: 1, numPieces: expect.any(Number), cancelled: true })
    expect(seen.numPieces).toBeGreaterThan(5)
    const engine = await Engine.load(
      { model: long, contextLength: 768, kvType: 'f32' },
      { ...quick, maxBindingBytes },
    )
    await engine.dispose()
  })

  it('by the GPU does too, says where its memory ended, and leaves nothing behind', async () => {
    const seen = streamed(model, pieceBytes)
    const pop = vi.spyOn(GPUDevice.prototype, 'popErrorScope')
    // Each buffer is made in two scopes, the inner one for invalid calls.
    for (let i = 0; i < 2 * 30 + 1; i++) pop.mockResolvedValueOnce(null)
    pop.mockResolvedValueOnce(new GPUOutOfMemoryError('none left'))
    const error = await Engine.load({ model: url }, quick).catch(reason => reason)
    const before = created().slice(0, 30)
    expect(error).toMatchObject({
      code: 'out-of-memory',
      message: expect.stringContaining('none left'),
      details: {
        tensor: created()[30]!.label,
        asked: created()[30]!.size,
        offered: before.reduce((sum, { size }) => sum + size, 0),
        largestContextThatFits: expect.any(Number),
      },
    })
    expect(seen).toMatchObject({ pieces: 1, cancelled: true })
    expectAllDestroyed()
  })

  it('is foretold by preflight, which reads the header alone and makes no buffer', async () => {
    const seen = streamed(model, pieceBytes)
    const found = await preflight({ model: url })
    expect(found).toMatchObject({ fits: true, architecture: 'llama', draft: null, contextLength: 256 })
    expect(found.largestContextThatFits).toBe(256)
    expect(model.size - found.downloadBytes).toBeLessThan(32)
    expect(seen).toMatchObject({ pieces: 1, cancelled: true })
    expect(created()).toEqual([])
  })
})

describe('what was allocated is given back', () => {
  it.each<LoadPhase>(['download', 'upload', 'compile', 'calibrate'])(
    'by a load aborted at %s',
    async phase => {
      const controller = new AbortController()
      const options = {
        // Other costs than those that were measured and stored before.
        model: randomModel(3, { ...small, vocab: 301 + phase.length }),
        signal: controller.signal,
        onProgress: (progress: LoadProgress) => progress.phase === phase && controller.abort(),
      }
      const promise = Engine.load(options, { ...quick, skipCalibration: false })
      await expect(promise).rejects.toMatchObject({ code: 'aborted' })
      if (phase !== 'download') expectAllDestroyed()
      expect(destroy).toHaveBeenCalledTimes(created().length)
    },
  )

  it('by a load whose file ends too early', async () => {
    streamed(model.slice(0, model.size - 100), 32 * 1024)
    const promise = Engine.load({ model: 'https://example.com/cut.gguf' }, quick)
    await expect(promise).rejects.toMatchObject({ code: 'bad-model' })
    expectAllDestroyed()
  })
})
