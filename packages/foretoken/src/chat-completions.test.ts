import type { ChatTool, GenerateOptions, TokenBatch, TokenLogprobs } from '@foretoken/engine/types'
import { EngineError, isEngineError } from '@foretoken/errors'
import { describe, expect, it } from 'vitest'
import { chatCompletions } from './chat-completions.ts'
import type { ChatCompletionChunk, ChatCompletionRequest } from './types.ts'

const messages = [{ role: 'user', content: 'Hi' }]
const step = {
  id: 1,
  index: 0,
  sources: [],
  speculation: { method: 'off', depth: 0 },
  timings: { stepMs: 1, cpuMs: 1 },
} as const
const speculation = {
  num_drafts: 1,
  num_draft_tokens: 3,
  num_accepted_tokens: 1,
  num_accepted_tokens_per_pos: [1, 0, 0],
  acceptance_histogram: [0, 1, 0, 0],
  mean_acceptance_length: 2,
  draft_acceptance_rate: 1 / 3,
}
const batches: TokenBatch[] = [
  { ...step, sources: [], tokens: [7], text: 'Once' },
  { ...step, sources: [], tokens: [8, 9], text: ' upon' },
  {
    ...step,
    sources: [],
    tokens: [],
    text: '',
    finishReason: 'length',
    usage: {
      promptTokens: 5,
      cachedTokens: 4,
      completionTokens: 3,
      acceptedTokens: 1,
      rejectedTokens: 2,
      speculation,
    },
  },
]
const usage = {
  prompt_tokens: 5,
  completion_tokens: 3,
  total_tokens: 8,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { accepted_prediction_tokens: 1, rejected_prediction_tokens: 2 },
}

const place = { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] }
const tools: ChatTool[] = [
  { type: 'function', function: { name: 'weather', description: 'Of today', parameters: place } },
  { type: 'function', function: { name: 'time' } },
]

function completions(answer = batches) {
  const seen: GenerateOptions[] = []
  const { create } = chatCompletions('tiny', async function* (options) {
    seen.push(options)
    yield* answer
  })
  return { create, seen }
}

async function collect(chunks: AsyncIterable<ChatCompletionChunk>): Promise<ChatCompletionChunk[]> {
  const all = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

describe('chat completions', () => {
  it('gives the whole text at once', async () => {
    const completion = await completions().create({ messages })
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'tiny',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Once upon' },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage,
    })
    expect(completion.id).toMatch(/^chatcmpl-/)
    expect(Math.abs(completion.created - Date.now() / 1000)).toBeLessThan(5)
  })

  it('streams the role, one chunk per batch and the reason', async () => {
    const chunks = await collect(await completions().create({ messages, stream: true }))
    expect(chunks.map(({ choices }) => choices)).toEqual([
      [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
      [{ index: 0, delta: { content: 'Once' }, finish_reason: null }],
      [{ index: 0, delta: { content: ' upon' }, finish_reason: null }],
      [{ index: 0, delta: { content: '' }, finish_reason: null }],
      [{ index: 0, delta: {}, finish_reason: 'length' }],
    ])
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
    expect(chunks.every(chunk => chunk.object === 'chat.completion.chunk' && !('usage' in chunk))).toBe(true)
  })

  it('keeps the samples of a prompt apart', async () => {
    const [first, second, last] = batches
    const other = { ...last!, index: 1, finishReason: 'stop' as const }
    const answer = [first!, { ...first!, index: 1, text: 'Twice' }, other, second!, last!]
    const completion = await completions(answer).create({ messages, n: 2 })
    expect(
      completion.choices.map(({ index, message, finish_reason }) => [index, message.content, finish_reason]),
    ).toEqual([
      [0, 'Once upon', 'length'],
      [1, 'Twice', 'stop'],
    ])
    expect(completion.usage).toEqual({
      prompt_tokens: 5,
      completion_tokens: 6,
      total_tokens: 11,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { accepted_prediction_tokens: 2, rejected_prediction_tokens: 4 },
    })
    const chunks = await collect(await completions(answer).create({ messages, n: 2, stream: true }))
    const told = chunks.map(({ choices: [choice] }) => [
      choice!.index,
      choice!.delta.content,
      choice!.finish_reason,
    ])
    expect(told).toEqual([
      [0, '', null],
      [0, 'Once', null],
      [1, '', null],
      [1, 'Twice', null],
      [1, '', null],
      [1, undefined, 'stop'],
      [0, ' upon', null],
      [0, '', null],
      [0, undefined, 'length'],
    ])
  })

  it('ends with the usage if it is asked for', async () => {
    const chunks = await collect(
      await completions().create({ messages, stream: true, stream_options: { include_usage: true } }),
    )
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage })
    expect(chunks.slice(0, -1).every(chunk => chunk.usage === null)).toBe(true)
  })

  it('tells log-probabilities in OpenAI’s shape', async () => {
    const token = (id: number, text: string, logprob: number): TokenLogprobs => {
      const other = { token: 9, text: '</s>', bytes: null, logprob: -3 }
      return { token: id, text, bytes: [id], logprob, topLogprobs: [other] }
    }
    const told = [[token(7, 'Once', -0.5)], [token(8, ' up', -1), token(9, 'on', -2)], []]
    const answer = batches.map((batch, i) => ({ ...batch, logprobs: told[i]! }))
    const shape = (name: string, logprob: number, byte: number) => ({
      token: name,
      logprob,
      bytes: [byte],
      top_logprobs: [{ token: '</s>', logprob: -3, bytes: null }],
    })
    const content = [shape('Once', -0.5, 7), shape(' up', -1, 8), shape('on', -2, 9)]
    const request = { messages, logprobs: true, top_logprobs: 1 }

    const completion = await completions(answer).create(request)
    expect(completion.choices[0]!.logprobs).toEqual({ content, refusal: null })

    const chunks = await collect(await completions(answer).create({ ...request, stream: true }))
    const perChunk = chunks.map(({ choices }) => choices[0]!.logprobs?.content)
    expect(perChunk).toEqual([undefined, content.slice(0, 1), content.slice(1), [], undefined])
  })

  it('maps the options and leaves out what is null or absent', async () => {
    const { create, seen } = completions()
    const { signal } = new AbortController()
    await create({
      messages,
      model: 'tiny',
      max_completion_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      min_p: 0.1,
      seed: 3,
      stop: ['a'],
      speculation: 'off',
      verification: 'block',
      policy: 'smartspec',
      signal,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      repetition_penalty: 1.1,
      logit_bias: { '7': -100 },
      logprobs: true,
      top_logprobs: 2,
      n: 2,
      priority: -1,
      ...({ response_format: { type: 'text' }, user: null } as object),
    })
    expect(seen).toEqual([
      {
        messages,
        maxTokens: 9,
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        minP: 0.1,
        seed: 3,
        presencePenalty: 0.1,
        frequencyPenalty: 0.2,
        repetitionPenalty: 1.1,
        logitBias: { '7': -100 },
        logprobs: true,
        topLogprobs: 2,
        stop: ['a'],
        speculation: 'off',
        verification: 'block',
        policy: 'smartspec',
        n: 2,
        priority: -1,
        signal,
      },
    ])
  })

  it('maps what an answer must look like', async () => {
    const grammarOf = async (options: object) => {
      const { create, seen } = completions()
      await create({ messages, ...options } as ChatCompletionRequest & { stream?: false })
      return seen[0]!.grammar
    }
    const schema = { type: 'object' }
    expect(await grammarOf({ response_format: { type: 'text' } })).toBeUndefined()
    expect(await grammarOf({ response_format: { type: 'json_object' } })).toBe('json')
    const json_schema = { name: 'answer', schema }
    expect(await grammarOf({ response_format: { type: 'json_schema', json_schema } })).toEqual({
      schema,
      strict: true,
    })
    const lax = { ...json_schema, strict: false }
    expect(await grammarOf({ response_format: { type: 'json_schema', json_schema: lax } })).toEqual({
      schema,
      strict: false,
    })
    expect(await grammarOf({ grammar: { regex: 'a+' } })).toEqual({ regex: 'a+' })
  })

  it('tells the chat template of tools, unless none may be called', async () => {
    const toolsOf = async (options: object) => {
      const { create, seen } = completions()
      await create({ messages, ...options } as ChatCompletionRequest & { stream?: false })
      return [seen[0]!.tools, seen[0]!.grammar]
    }
    expect(await toolsOf({ tools })).toEqual([tools, undefined])
    expect(await toolsOf({ tools, tool_choice: 'auto' })).toEqual([tools, undefined])
    expect(await toolsOf({ tools, tool_choice: 'none' })).toEqual([undefined, undefined])
    expect(await toolsOf({ tools: [] })).toEqual([undefined, undefined])
    const choose = (name: string) => ({ type: 'function', function: { name } })
    expect(await toolsOf({ tools, tool_choice: choose('weather') })).toEqual([tools, { schema: place }])
    const [, required] = await toolsOf({ tools, tool_choice: 'required' })
    expect(required).toMatchObject({
      schema: { anyOf: [{ properties: { name: { const: 'weather' } } }, {}] },
    })
  })

  it('gives a forced call as one, whole and streamed', async () => {
    const text = ['{"place": ', '"Rome"}']
    const answer = [
      { ...batches[0]!, text: text[0]! },
      { ...batches[2]!, text: text[1]!, finishReason: 'stop' as const },
    ]
    const choice = { type: 'function', function: { name: 'weather' } } as const
    const { choices } = await completions(answer).create({ messages, tools, tool_choice: choice })
    const called = { name: 'weather', arguments: text.join('') }
    expect(choices[0]).toMatchObject({
      message: { content: null, tool_calls: [{ type: 'function', function: called }] },
      finish_reason: 'tool_calls',
    })
    const chunks = await collect(
      await completions(answer).create({ messages, tools, tool_choice: choice, stream: true }),
    )
    const deltas = chunks.map(chunk => chunk.choices[0]!.delta.tool_calls?.[0])
    expect(deltas[0]).toMatchObject({
      index: 0,
      type: 'function',
      function: { name: 'weather', arguments: '' },
    })
    expect(deltas.map(delta => delta?.function.arguments ?? '').join('')).toBe(text.join(''))
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('tool_calls')
  })

  it('reads of several tools which one is called, and gives what was cut off as text', async () => {
    const whole = '{"name": "time", "arguments": {}}'
    const ended = { ...batches[2]!, text: whole, finishReason: 'stop' as const }
    const request = { messages, tools, tool_choice: 'required' } as const
    const { choices } = await completions([ended]).create(request)
    expect(choices[0]!.message.tool_calls![0]!.function).toEqual({ name: 'time', arguments: '{}' })
    const streamed = await collect(await completions([ended]).create({ ...request, stream: true }))
    expect(streamed.flatMap(chunk => chunk.choices[0]!.delta.tool_calls ?? [])).toMatchObject([
      { index: 0, function: { name: 'time', arguments: '{}' } },
    ])
    const cut = await completions([{ ...ended, text: '{"na', finishReason: 'length' }]).create(request)
    expect(cut.choices[0]).toMatchObject({ message: { content: '{"na' }, finish_reason: 'length' })
  })

  it.each([
    ['tools', { tools: [{ type: 'function' }] }],
    ['tool_choice', { tool_choice: 'required' }],
    ['tool_choice', { tools, tool_choice: 'always' }],
    ['tool_choice.function.name', { tools, tool_choice: { type: 'function', function: { name: 'fly' } } }],
    ['tool_choice', { tools, tool_choice: 'required', grammar: 'json' }],
    ['best_of', { best_of: 2n }],
    ['frequencyPenalty', { frequencyPenalty: 0.5 }],
    ['response_format.type', { response_format: { type: 'yaml' } }],
    ['response_format.json_schema', { response_format: { type: 'json_schema' } }],
    ['grammar', { grammar: { regex: 'a' }, response_format: { type: 'json_object' } }],
    ['maxTokens', { maxTokens: 3 }],
    ['model', { model: 'gpt-4' }],
    ['max_completion_tokens', { max_tokens: 3, max_completion_tokens: 4 }],
    ['stream', { stream: 'yes' }],
    ['stream_options', { stream_options: { include_usage: true } }],
    ['stream_options.chunks', { stream: true, stream_options: { chunks: 3 } }],
    ['messages', { messages: 'Hi' }],
  ])('refuses %s by name', async (argument, options) => {
    const { create, seen } = completions()
    const request = { messages, ...options } as ChatCompletionRequest & { stream?: false }
    const error: unknown = await create(request).catch(reason => reason)
    expect(isEngineError(error) && [error.code, error.details.argument]).toEqual(['bad-request', argument])
    expect(isEngineError(error) && error.details).toHaveProperty('allowed')
    expect(seen).toEqual([])
  })

  it.each([
    ['max_tokens', 'maxTokens', { max_tokens: -1 }],
    ['top_p', 'topP', { top_p: 2 }],
    ['temperature', 'temperature', { temperature: -1 }],
    ['frequency_penalty', 'frequencyPenalty', { frequency_penalty: 3 }],
    ['logit_bias[7]', 'logitBias[7]', { logit_bias: { 7: -101 } }],
    ['n', 'n', { n: 33 }],
    ['top_logprobs', 'topLogprobs', { top_logprobs: 21 }],
    ['response_format.schema', 'grammar.schema', { response_format: { type: 'json_object' } as const }],
  ])('names %s as the caller does', async (argument, engineName, options) => {
    const { create } = chatCompletions('tiny', async function* () {
      yield batches[0]!
      const details = { argument: engineName, value: '-1', allowed: 'more' }
      throw new EngineError('bad-request', `"${engineName}" is -1; allowed: more.`, details)
    })
    const error: unknown = await create({ messages, ...options }).catch(reason => reason)
    expect(error).toMatchObject({
      code: 'bad-request',
      message: `"${argument}" is -1; allowed: more.`,
      details: { argument, value: '-1', allowed: 'more' },
    })
  })
})
