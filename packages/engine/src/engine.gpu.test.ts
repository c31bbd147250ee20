/** The engine's own promises, on the smallest model there is. */
import { kernels } from '@foretoken/shaders'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { server } from 'vitest/browser'
import stories40K from '../../tiny-models/stories40K-f32.gguf?url'
import { Engine, type GenerateOptions, type StepEvent, sharedDevice, type TokenBatch } from './index'

const model = new URL(stories40K, location.href)
const prompt = 'Once upon a time, there was a little girl named Lily.'

async function collect(engine: Engine, options: GenerateOptions): Promise<TokenBatch[]> {
  const batches: TokenBatch[] = []
  for await (const batch of engine.generate(options)) batches.push(batch)
  return batches
}

const idsOf = (batches: readonly TokenBatch[]): number[] => batches.flatMap(batch => batch.tokens)
const textOf = (batches: readonly TokenBatch[]): string => batches.map(batch => batch.text).join('')

describe('an engine', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await Engine.load({ model }, { device: await sharedDevice() })
  })
  afterAll(() => engine.dispose())

  it('ends at a stop text, across token borders and drafts, with the same ids in every mode', async () => {
    const plain = await collect(engine, { prompt, maxTokens: 60, speculation: 'off' })
    const text = textOf(plain)
    const stop = text.slice(25, 33)
    const cut = await collect(engine, { prompt, maxTokens: 60, speculation: 'off', stop })
    expect(textOf(cut)).toBe(text.slice(0, text.indexOf(stop)))
    expect(cut.at(-1)!.finishReason).toBe('stop')
    const deep = await collect(engine, {
      prompt,
      maxTokens: 60,
      speculation: { method: 'lookup', depth: 16 },
      stop,
    })
    expect(textOf(deep)).toBe(textOf(cut))
    expect(idsOf(deep)).toEqual(idsOf(cut))
    expect(deep.at(-1)!.usage!.completionTokens).toBe(idsOf(cut).length)
  })

  it('counts what it reports', async () => {
    const before = engine.stats()
    const batches = await collect(engine, {
      prompt,
      maxTokens: 40,
      ignoreEos: true,
      speculation: { method: 'lookup', depth: 4 },
    })
    const after = engine.stats()
    const usage = batches.at(-1)!.usage!
    expect(usage.completionTokens).toBe(40)
    expect(usage.promptTokens).toBe(engine.tokenize(prompt).length)
    expect(after.num_accepted_tokens - before.num_accepted_tokens).toBe(usage.acceptedTokens)
    expect(after.num_draft_tokens - before.num_draft_tokens).toBe(usage.acceptedTokens + usage.rejectedTokens)
    expect(usage.speculation).toMatchObject({
      num_accepted_tokens: usage.acceptedTokens,
      num_drafts: after.num_drafts - before.num_drafts,
      mean_acceptance_length: 1 + usage.acceptedTokens / (after.num_drafts - before.num_drafts),
    })
    const sources = batches.flatMap(batch => batch.sources)
    expect(sources.filter(source => source === 'lookup')).toHaveLength(usage.acceptedTokens)
    expect(after.createsSinceReady).toBe(0)
  })

  it('tells what its steps did to those who listen, and to them only', async () => {
    const controller = new AbortController()
    const events: StepEvent[] = []
    const listening = (async () => {
      for await (const event of engine.steps({ signal: controller.signal })) events.push(event)
    })()
    const before = engine.stats()
    const options = { prompt, maxTokens: 20, ignoreEos: true } as const
    const [off, drafted] = await Promise.all([
      collect(engine, { ...options, speculation: 'off' }),
      collect(engine, { ...options, speculation: { method: 'lookup', depth: 4 } }),
    ])
    controller.abort()
    await expect(listening).rejects.toMatchObject({ code: 'aborted', details: { phase: 'steps' } })
    const after = engine.stats()
    expect(events.at(-1)!.step).toBeLessThanOrEqual(after.num_steps)
    const parts = (id: number) => events.flatMap(event => event.requests.filter(part => part.id === id))
    for (const batches of [off, drafted]) {
      const own = parts(batches[0]!.id)
      const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
      expect(sum(own.map(part => part.tokens))).toBe(20)
      expect(sum(own.map(part => part.accepted))).toBe(batches.at(-1)!.usage!.acceptedTokens)
      expect(own.every(({ depth, rows, tokens }) => tokens === 0 || depth === 0 || rows === depth + 1)).toBe(
        true,
      )
    }
    expect(after.num_draft_tokens - before.num_draft_tokens).toBe(
      events.flatMap(({ requests }) => requests).reduce((sum, { depth }) => sum + depth, 0),
    )
    const numPrompt = engine.tokenize(prompt).length
    expect(events.reduce((sum, { promptRows }) => sum + promptRows, 0)).toBe(2 * numPrompt)
    for (const { rows, requests, stepMs } of events) {
      expect(requests.reduce((sum, part) => sum + part.rows, 0)).toBe(rows)
      // Firefox's clock tells whole milliseconds.
      if (server.browser !== 'firefox') expect(stepMs).toBeGreaterThan(0)
    }
    expect(events.reduce((sum, { stepMs }) => sum + stepMs, 0)).toBeGreaterThan(0)
  })

  it('queues more requests than run together and serves them all', async () => {
    const all = await Promise.all(Array.from({ length: 9 }, () => collect(engine, { prompt, maxTokens: 12 })))
    for (const batches of all) expect(idsOf(batches)).toEqual(idsOf(all[0]!))
    expect(engine.stats()).toMatchObject({ num_running: 0, num_waiting: 0 })
  })

  it('gives logits that do not depend on how the prompt is cut', async () => {
    const ids = engine.tokenize(
      `${prompt} She loved to play outside in the park. One day, she saw a big dog.`,
    )
    const whole = await engine.forward(ids)
    const part = await engine.forward(ids.slice(0, 11))
    expect(part.logits).toEqual(whole.logits.slice(0, 11 * whole.vocab))
  })

  it('draws differently for different seeds and alike for the same', async () => {
    const draw = async (seed: number) =>
      idsOf(await collect(engine, { prompt, maxTokens: 30, temperature: 1, seed }))
    expect(await draw(1)).toEqual(await draw(1))
    expect(await draw(1)).not.toEqual(await draw(2))
  })
})

/** A tail and the body: kernels that give rows of theirs other bits. */
const broken = {
  4: {
    kernel: 'matmul',
    from: 'total_$m_$r_$c += partial_$m_$r_$c;',
    to: 'total_$m_$r_$c += partial_$m_$r_$c * select(1.0, 1.000001, TILE == 4u);',
  },
  32: { kernel: 'matmulRows', from: '= partial_$m_$r;', to: '= partial_$m_$r * 1.000001;' },
} as const

it.each([4, 32] as const)(
  'refuses a tile of %d rows with other bits, and stays exact without it',
  async tile => {
    const { kernel, from, to } = broken[tile]
    const source = kernels[kernel].source.replace(from, to)
    expect(source).not.toBe(kernels[kernel].source)
    const engine = await Engine.load(
      { model },
      {
        kernels: { [kernel]: { ...kernels[kernel], source } },
        skipCalibration: true,
        device: await sharedDevice(),
      },
    )
    const { tilesUsed, tilesRefused } = engine.stats().selfCheck
    expect(tilesRefused).toEqual([tile])
    expect(tilesUsed).not.toContain(tile)
    const options = { prompt, maxTokens: 40, temperature: 0.8, seed: 3, ignoreEos: true }
    const plain = await collect(engine, { ...options, speculation: 'off' })
    const drafted = await collect(engine, { ...options, speculation: { method: 'lookup', depth: 12 } })
    expect(idsOf(drafted)).toEqual(idsOf(plain))
    await engine.dispose()
  },
)

it('tells a lost device, and how many tokens are safe', async () => {
  const requestDevice = vi.spyOn(GPUAdapter.prototype, 'requestDevice')
  const engine = await Engine.load({ model }, { skipCalibration: true })
  const device = await (requestDevice.mock.results.at(-1)!.value as Promise<GPUDevice>)
  requestDevice.mockRestore()
  const ids: number[] = []
  const failing = (async () => {
    for await (const { tokens } of engine.generate({ prompt, maxTokens: 200, ignoreEos: true })) {
      ids.push(...tokens)
      if (ids.length > 10) device.destroy()
    }
  })()
  await expect(failing).rejects.toMatchObject({
    code: 'device-lost',
    details: { tokensKept: expect.any(Number) },
  })
  expect(ids.length).toBeGreaterThan(10)
  await expect(collect(engine, { prompt })).rejects.toMatchObject({ code: 'device-lost' })
  await engine.dispose()
})
