/**
 * The bundled family: what its files promise each other, and what engines not written here make of the same weights.
 * Those are skipped by name where the tool is absent; the README's Development says how to bring it.
 */
import { Engine, type Speculation, sharedDevice } from '@foretoken/engine'
import { family, prompts } from '@foretoken/tiny-models/family'
import { tokenizerFromGguf, vocabularyDifference } from '@foretoken/tokenizer'
import { GgufReader } from '@foretoken/weights'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commands } from 'vitest/browser'
import { base64 } from './cross-check/base64'
import { llamaCppFile } from './cross-check/llama-cpp-file'

const tools = await commands.crossCheckTools()
const workloads = Object.values(prompts)
/** Three of each workload. */
const asked = workloads.flatMap(texts => texts.slice(0, 3))

async function openTokenizer(url: URL) {
  const reader = await GgufReader.open(url)
  await reader.close()
  return tokenizerFromGguf(reader.metadata)
}
const tokenizer = await openTokenizer(family.target.f16)
const chatIds = (content: string): number[] => tokenizer.encodeChat([{ role: 'user', content }])

describe('the bundled family', () => {
  it('has one vocabulary', async () => {
    for (const { f16, q8_0 } of Object.values(family)) {
      for (const url of [f16, q8_0]) {
        expect(vocabularyDifference(tokenizer, await openTokenizer(url))).toBeUndefined()
      }
    }
  })

  it('writes a conversation by its template', () => {
    const text = tokenizer
      .encodeChat([
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: ' Hello! ' },
        { role: 'assistant', content: 'Hello!' },
        { role: 'user', content: 'Say <|end|>.' },
      ])
      .map(id => tokenizer.tokenText(id))
      .join('')
    expect(text).toBe(
      '<|begin|><|system|>BeĠbrief.<|end|><|user|>Hello!<|end|><|assistant|>Hello!<|end|><|user|>SayĠ<|end|>.<|end|><|assistant|>',
    )
    // The template's own end alone: the message's is text.
    expect(chatIds('Say <|end|>.').filter(id => tokenizer.endIds.includes(id))).toHaveLength(1)
  })
})

it('writes the same with its draft, with lookup and with the controller as without', async () => {
  const models = { model: family.target.q8_0, draft: family.wide.q8_0 }
  const engine = await Engine.load(models, { device: await sharedDevice() })
  for (const temperature of [0, 0.8]) {
    for (const [content] of workloads) {
      const messages = [{ role: 'user', content: content! }]
      const write = async (speculation: Speculation): Promise<number[]> => {
        const ids: number[] = []
        const request = { messages, temperature, seed: 5, maxTokens: 40, speculation }
        for await (const { tokens } of engine.generate(request)) ids.push(...tokens)
        return ids
      }
      const plain = await write('off')
      expect(await write({ method: 'draft', depth: 3 })).toEqual(plain)
      expect(await write({ method: 'lookup', depth: 4 })).toEqual(plain)
      expect(await write('auto')).toEqual(plain)
    }
  }
  const { byMethod } = engine.stats()
  expect(byMethod.draft.num_accepted_tokens).toBeGreaterThan(0)
  expect(byMethod.lookup.num_accepted_tokens).toBeGreaterThan(0)
  await engine.dispose()
})

describe.skipIf(!tools.llamaCpp)('llama.cpp (needs FORETOKEN_LLAMA_CPP)', () => {
  it('gives the same greedy ids', { timeout: 300_000 }, async () => {
    const count = 64
    const file = await llamaCppFile(await (await fetch(family.target.f16)).blob(), { asFloat32: true })
    const tokens = asked.map(chatIds)
    const theirs = await commands.llamaCppGreedy(await base64(file), tokens, count)
    const engine = await Engine.load({ model: new Blob([file]), kvType: 'f32' })
    for (const [i, prompt] of tokens.entries()) {
      const ours: number[] = []
      for await (const batch of engine.generate({ tokens: prompt, maxTokens: count }))
        ours.push(...batch.tokens)
      expect.soft(ours, asked[i]).toEqual(theirs![i])
    }
    await engine.dispose()
  })
})

describe.skipIf(!tools.transformers)('transformers (needs FORETOKEN_PYTHON)', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await Engine.load({ model: family.target.f16, kvType: 'f32' })
  })
  afterAll(() => engine.dispose())

  it('gives the same logits within 1e-3, and the same ids', { timeout: 300_000 }, async () => {
    const texts = [...asked, 'Naïve café – 東京 🦊\n\n  two  spaces']
    const tokens = asked.slice(0, 6).map(chatIds)
    const theirs = await commands.transformersCheck({ tokens, texts, chats: asked })
    expect(texts.map(text => engine.tokenize(text))).toEqual(theirs!.ids)
    expect(asked.map(chatIds)).toEqual(theirs!.chatIds)
    let worst = 0
    for (const [i, ids] of tokens.entries()) {
      const { logits, vocab } = await engine.forward(ids)
      const flat = theirs!.logits[i]!.flat()
      expect(flat).toHaveLength(ids.length * vocab)
      for (const [j, logit] of flat.entries()) worst = Math.max(worst, Math.abs(logit - logits[j]!))
    }
    expect(worst).toBeLessThan(1e-3)
  })
})
