/** The client and the real worker: errors, aborts and shapes as a page sees them. */
import { bundledDraftUrl, bundledHeadsUrl, bundledModelUrl } from '@foretoken/tiny-models'
import grammars from '@mlc-ai/web-xgrammar?url'
import {
  createEngine,
  type Engine,
  type EngineError,
  type EngineOptions,
  isEngineError,
  type LoadProgress,
  preflight,
  type TokenBatch,
} from 'foretoken'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** No name of its own in the package: there are 12. */
type StepEvent = Awaited<ReturnType<ReturnType<Engine['steps']>['next']>>['value'] & object

const prompt = 'Once upon a time'
/** Longer than any test waits for. */
const endless = { prompt, maxTokens: 400, ignoreEos: true } as const
const messages = [{ role: 'user', content: 'Hi' }]

/** What a promise is rejected with, which must be an EngineError. */
async function rejection(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => undefined,
    reason => reason,
  )
  if (!isEngineError(error)) throw new Error(`expected an EngineError, got ${String(error)}`)
  return error
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function waitForIdle(engine: Engine): Promise<void> {
  await expect.poll(async () => (await engine.stats()).num_running, { timeout: 30_000 }).toBe(0)
}

/** Costs of an earlier load would spare the next one the calibration. */
async function forgetCosts(): Promise<void> {
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name!))
    for (const store of database.objectStoreNames) {
      await settled(database.transaction(store, 'readwrite').objectStore(store).clear())
    }
    database.close()
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

describe('load', () => {
  it('aborts before it starts', async () => {
    const error = await rejection(createEngine({ model: 'bundled', signal: AbortSignal.abort() }))
    expect(error.code).toBe('aborted')
  })

  it.each<[string, (progress: LoadProgress) => boolean]>([
    ['as the download begins', ({ phase }) => phase === 'download'],
    [
      'as the last bytes are uploaded',
      ({ phase, loaded, total }) => phase === 'download' && loaded === total,
    ],
    ['while compiling', ({ phase }) => phase === 'compile'],
    ['while calibrating', ({ phase }) => phase === 'calibrate'],
  ])('aborts %s', async (_, isMoment) => {
    await forgetCosts()
    const controller = new AbortController()
    const { signal } = controller
    const onProgress = (progress: LoadProgress) => isMoment(progress) && controller.abort()
    const error = await rejection(createEngine({ model: 'bundled', signal, onProgress }))
    expect(error.code).toBe('aborted')
    expect(error.details.phase).toEqual(expect.any(String))
  })

  it('revives the error of a file that is no model', async () => {
    const error = await rejection(createEngine({ model: new Blob(['no model, whatever its name says']) }))
    expect(error).toBeInstanceOf(Error)
    expect(error.code).toBe('bad-model')
    expect(Object.keys(error.details)).not.toHaveLength(0)
  })

  it('resolves a relative address against the page', async () => {
    const base = document.createElement('base')
    base.href = new URL('.', bundledModelUrl).href
    document.head.append(base)
    try {
      const controller = new AbortController()
      const { signal } = controller
      const onProgress = ({ phase }: LoadProgress) => phase === 'compile' && controller.abort()
      const model = bundledModelUrl.pathname.split('/').at(-1)!
      // It is there, and a model.
      expect((await rejection(createEngine({ model, signal, onProgress }))).code).toBe('aborted')
    } finally {
      base.remove()
    }
  })

  it('names the address of a file that is not there', async () => {
    const error = await rejection(createEngine({ model: 'http://127.0.0.1:1/absent.gguf' }))
    expect(error.code).toBe('download')
    expect(JSON.stringify(error.details)).toContain('http://127.0.0.1:1/absent.gguf')
  })

  it.each([
    ['an empty address', ''],
    ['a number', 3],
    ['nothing', undefined],
    ['a Hub file of no repository', { file: 'a.gguf' }],
  ])('refuses %s as a model', async (_, model) => {
    const error = await rejection(createEngine({ model } as unknown as EngineOptions))
    expect([error.code, error.details.argument]).toEqual(['bad-request', 'model'])
  })
})

describe('preflight', () => {
  it('refuses what loading would refuse, as it would', async () => {
    const file = new Uint8Array(await (await fetch(bundledModelUrl)).arrayBuffer())
    const cases: Array<[EngineOptions, EngineError['code']]> = [
      [{ model: new Blob(['no model, whatever its name says']) }, 'bad-model'],
      [{ model: new Blob([file.subarray(0, 1000)]) }, 'bad-model'],
      [{ model: new Blob([file.subarray(0, file.length - 1000)]) }, 'bad-model'],
      [{ model: 'bundled', draft: new Blob(['neither']) }, 'bad-model'],
      [{ model: 'http://127.0.0.1:1/absent.gguf' }, 'download'],
      [{ model: 'bundled', contextLength: 1e6 }, 'bad-request'],
      [{ model: 'bundled', signal: AbortSignal.abort() }, 'aborted'],
      [{ model: '' }, 'bad-request'],
    ]
    for (const [options, code] of cases) {
      const { model, ...others } = options
      const error = await rejection(preflight(model, others))
      expect(error.code).toBe(code)
      expect({ ...error }).toEqual({ ...(await rejection(createEngine(options))) })
    }
  })

  it('aborts', async () => {
    const controller = new AbortController()
    const failed = rejection(preflight('bundled', { signal: controller.signal }))
    controller.abort()
    expect((await failed).code).toBe('aborted')
  })
})

describe('an engine', () => {
  const options = { maxConcurrent: 3, heads: 'bundled', grammars } as const
  let engine: Engine
  beforeAll(async () => {
    engine = await createEngine({ model: 'bundled', ngramCache: { name: 'client' }, ...options })
  })
  afterAll(() => engine.dispose())

  it('takes what preflight tells of the model, its draft and its heads', async () => {
    const found = await preflight('bundled', options)
    const { gpuBytes, model, draft, numHeads } = await engine.stats()
    expect(numHeads).toBe(3)
    await engine.clearNgramCache()
    const { total, ...pools } = found.gpuBytes
    expect(pools).toEqual(gpuBytes)
    expect(total).toBe(gpuBytes.weights + gpuBytes.kv + gpuBytes.work)
    const { name, architecture, format, parameters, contextLength } = model
    expect(found).toMatchObject({ name, architecture, format, parameters, contextLength, draft, fits: true })
    expect(found).not.toHaveProperty('reason')
    const files = await Promise.all(
      [bundledModelUrl, bundledDraftUrl, bundledHeadsUrl].map(url => fetch(url)),
    )
    const sizes = await Promise.all(files.map(async file => (await file.arrayBuffer()).byteLength))
    expect(sizes[0]! + sizes[1]! - found.downloadBytes).toBeLessThan(64)
  })

  it('answers in JSON by a schema, compiled in the worker', async () => {
    const properties = { hero: { enum: ['fox', 'frog'] }, age: { type: 'integer', minimum: 1, maximum: 99 } }
    const schema = { type: 'object', properties, required: ['hero', 'age'] }
    const request = {
      messages,
      response_format: { type: 'json_schema', json_schema: { schema } },
      seed: 1,
    } as const
    const { choices, usage } = await engine.chat.completions.create(request)
    const { hero, age, ...others } = JSON.parse(choices[0]!.message.content!)
    expect(['fox', 'frog']).toContain(hero)
    expect(Number.isInteger(age) && age >= 1 && age <= 99).toBe(true)
    expect(others).toEqual({})
    expect(choices[0]!.finish_reason).toBe('stop')
    expect(usage.completion_tokens).toBeGreaterThan(0)
    const error = await rejection(collect(engine.generate({ prompt, grammar: { regex: '(' } })))
    expect([error.code, error.details.argument]).toEqual(['bad-request', 'grammar.regex'])
    expect(error.message).toContain('parenthesis')
  })

  it('pushes batches until the end', async () => {
    const batches = await collect(engine.generate({ prompt, maxTokens: 8, ignoreEos: true }))
    const tokens = batches.flatMap(batch => batch.tokens)
    expect(tokens).toHaveLength(8)
    expect(batches.flatMap(batch => batch.sources)).toHaveLength(8)
    expect(batches.at(-1)).toMatchObject({ finishReason: 'length', usage: { completionTokens: 8 } })
    expect(batches.slice(0, -1).every(batch => batch.finishReason === undefined)).toBe(true)
  })

  it('answers calls', async () => {
    const tokens = await engine.tokenize(prompt)
    expect(tokens.length).toBeGreaterThan(1)
    const { logits, vocab } = await engine.forward(tokens)
    expect(logits).toHaveLength(tokens.length * vocab)
    expect((await engine.stats()).model.name).not.toBe('')
  })

  it('revives errors of a request with their details', async () => {
    const error = await rejection(collect(engine.generate({ prompt, temperature: -1 })))
    expect([error.code, error.details.argument]).toEqual(['bad-request', 'temperature'])
    expect(error.details).toHaveProperty('allowed')
  })

  it('refuses options that cannot be sent', async () => {
    const stop = (() => 'a function') as unknown as string
    const error = await rejection(collect(engine.generate({ prompt, stop })))
    expect(error.code).toBe('bad-request')
  })

  it('does not start with a signal that has fired', async () => {
    const error = await rejection(collect(engine.generate({ ...endless, signal: AbortSignal.abort() })))
    expect(error.code).toBe('aborted')
  })

  it('aborts by signal and keeps what came', async () => {
    const controller = new AbortController()
    const seen: TokenBatch[] = []
    const consume = async () => {
      for await (const batch of engine.generate({ ...endless, signal: controller.signal })) {
        seen.push(batch)
        controller.abort()
      }
    }
    expect((await rejection(consume())).code).toBe('aborted')
    expect(seen.length).toBeGreaterThan(0)
    await waitForIdle(engine)
  })

  it('aborts when the consumer leaves the loop', async () => {
    for await (const { tokens } of engine.generate(endless)) if (tokens.length > 0) break
    await waitForIdle(engine)
    expect((await engine.stats()).num_waiting).toBe(0)
  })

  it('runs requests side by side', async () => {
    const request = { prompt, maxTokens: 6, ignoreEos: true, temperature: 1, seed: 5 }
    const [first, second] = await Promise.all([
      collect(engine.generate(request)),
      collect(engine.generate(request)),
    ])
    expect(second.flatMap(({ tokens }) => tokens)).toEqual(first.flatMap(({ tokens }) => tokens))
  })

  it('pushes what steps do while somebody listens', async () => {
    const events: StepEvent[] = []
    const listening = (async () => {
      for await (const event of engine.steps()) {
        events.push(event)
        if (event.num_running === 0) return
      }
    })()
    await engine.stats() // behind the call that listens
    const [batch] = await collect(engine.generate({ prompt, maxTokens: 6, ignoreEos: true }))
    await listening
    const parts = events.flatMap(({ requests }) => requests)
    expect(parts.every(({ id }) => id === batch!.id)).toBe(true)
    expect(parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(6)
    const stopped = rejection(engine.steps({ signal: AbortSignal.abort() }).next())
    expect((await stopped).details).toEqual({ phase: 'steps' })
    const wrong = rejection(engine.steps({ signal: {} as AbortSignal }).next())
    expect((await wrong).details.argument).toBe('signal')
  })

  it('speaks OpenAI, at once and streaming', async () => {
    const request = { messages, max_tokens: 6, seed: 1, temperature: 0 }
    const completion = await engine.chat.completions.create(request)
    const chunks = await collect(
      await engine.chat.completions.create({
        ...request,
        stream: true,
        stream_options: { include_usage: true },
      }),
    )
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant')
    const content = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
    expect(content).toBe(completion.choices[0]?.message.content)
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe(completion.choices[0]?.finish_reason)
    const { prompt_tokens, completion_tokens, total_tokens } = chunks.at(-1)!.usage!
    expect(chunks.at(-1)?.choices).toEqual([])
    expect([prompt_tokens, completion_tokens]).toEqual([
      completion.usage.prompt_tokens,
      completion.usage.completion_tokens,
    ])
    expect(total_tokens).toBe(prompt_tokens + completion_tokens)
  })

  it('gives n choices of one prompt, each as its seed gives it', async () => {
    const request = { messages, max_tokens: 6, seed: 7, temperature: 1 }
    const { choices, usage } = await engine.chat.completions.create({ ...request, n: 2 })
    const alone = await engine.chat.completions.create({ ...request, seed: 8 })
    expect(choices[1]!.message).toEqual(alone.choices[0]!.message)
    expect(usage.prompt_tokens).toBe(alone.usage.prompt_tokens)
    const chunks = await collect(await engine.chat.completions.create({ ...request, n: 2, stream: true }))
    for (const { index, message } of choices) {
      const own = chunks.flatMap(chunk => chunk.choices).filter(choice => choice.index === index)
      expect(own.map(({ delta }) => delta.content ?? '').join('')).toBe(message.content)
      expect(own.at(-1)!.finish_reason).not.toBeNull()
    }
  })

  it('takes penalties and bias and tells log-probabilities, at once and streaming', async () => {
    const request = {
      messages,
      max_tokens: 6,
      temperature: 0,
      frequency_penalty: 0.5,
      repetition_penalty: 1.2,
      logit_bias: { '300': 100 },
      logprobs: true,
      top_logprobs: 2,
    }
    const { choices } = await engine.chat.completions.create(request)
    const told = choices[0]!.logprobs!.content
    expect(told).toHaveLength(6)
    expect(new Set(told.map(({ token }) => token)).size).toBe(1) // bias forces it
    for (const { logprob, bytes, top_logprobs } of told) {
      expect(bytes!.length).toBeGreaterThan(0)
      expect(top_logprobs[0]!.logprob).toBeGreaterThanOrEqual(logprob)
      expect(top_logprobs).toHaveLength(2)
    }
    const chunks = await collect(await engine.chat.completions.create({ ...request, stream: true }))
    const streamed = chunks.flatMap(chunk => chunk.choices[0]?.logprobs?.content ?? [])
    expect(streamed).toEqual(told)
  })

  it('refuses what it does not support in OpenAI’s request', async () => {
    const request = { messages, best_of: 2 }
    const error = await rejection(engine.chat.completions.create(request))
    expect([error.code, error.details.argument]).toEqual(['bad-request', 'best_of'])
  })

  // The last: it is gone.
  it('disposed of, ends all that runs and refuses what comes later', async () => {
    const consumers = [
      rejection(collect(engine.generate(endless))),
      rejection(collect(engine.generate(endless))),
    ]
    const batches = engine.generate(endless)
    await batches.next()
    await Promise.all([engine.dispose(), engine.dispose()])
    for (const error of await Promise.all(consumers)) {
      expect([error.code, error.details.phase]).toEqual(['aborted', 'dispose'])
    }
    for (const late of [engine.stats(), engine.tokenize('a'), collect(engine.generate(endless))]) {
      expect((await rejection(late)).details).toEqual({ phase: 'dispose' })
    }
  })
})
