import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { inspect } from './preflight'
import { readSettings } from './settings'
import type { EngineOptions } from './types'

const file = await readFile(new URL('../../tiny-models/stories40K-f32.gguf', import.meta.url))
const model = new Blob([file])
const guaranteed = 128 * 2 ** 20

const look = (options: Omit<EngineOptions, 'model'> = {}, maxBufferBytes = guaranteed) => {
  const all = { model, ...options }
  return inspect(all, readSettings(all), maxBufferBytes)
}

describe('preflight', () => {
  it('tells model and memory', async () => {
    const found = await look({ maxConcurrent: 1 })
    expect(found).toMatchObject({
      architecture: 'llama',
      name: 'stories40K_distilled_draft',
      format: 'f32',
      parameters: 39584,
      draft: null,
      contextLength: 512,
      kvBytesPerPosition: 2 * 2 * 2 * 8 * 2,
      fits: true,
      largestContextThatFits: 512,
    })
    const { weights, kv, work, total } = found.gpuBytes
    expect(kv).toBe(512 * found.kvBytesPerPosition)
    expect(total).toBe(weights + kv + work)
    expect(file.length - found.downloadBytes).toBeGreaterThanOrEqual(0)
    expect(file.length - found.downloadBytes).toBeLessThan(32)
    expect(found).not.toHaveProperty('reason')
  })

  it('counts the draft', async () => {
    const alone = await look()
    const pair = await look({ draft: model })
    expect(pair.draft).toEqual({
      architecture: 'llama',
      name: 'stories40K_distilled_draft',
      format: 'f32',
      parameters: 39584,
      // All but the three special tokens.
      vocabulary: { sameIds: true, commonTokens: 509, share: 1 },
    })
    expect(pair.downloadBytes).toBe(2 * alone.downloadBytes)
    expect(pair.kvBytesPerPosition).toBe(2 * alone.kvBytesPerPosition)
    expect(pair.gpuBytes.weights).toBe(2 * alone.gpuBytes.weights)
  })

  it('says what does not fit, and with which numbers', async () => {
    const found = await look({ contextLength: 128 }, 60_000)
    expect(found).toMatchObject({ fits: false, contextLength: 128, largestContextThatFits: 0 })
    expect(found.reason).toMatch(/"logits" needs 65536 bytes .* at most 60000/)
    expect(found.gpuBytes.kv).toBe(128 * found.kvBytesPerPosition)
  })

  it('throws what loading would throw', async () => {
    await expect(look({ contextLength: 513 })).rejects.toMatchObject({ code: 'bad-request' })
    await expect(look({ draft: new Blob(['none']) })).rejects.toMatchObject({ code: 'bad-model' })
    await expect(look({ draft: model.slice(0, 100_000) })).rejects.toMatchObject({ code: 'bad-model' })
  })
})
