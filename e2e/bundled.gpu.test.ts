/**
 * The bundled family: what its files promise each other, and what engines not written here make of the same weights.
 * Those are skipped by name where the tool is absent; the README's Development says how to bring it.
 */
import { Engine, type Speculation, sharedDevice } from '@foretoken/engine'
import { family, prompts } from '@foretoken/tiny-models/family'
import { tokenizerFromGguf, vocabularyDifference } from '@foretoken/tokenizer'
import { GgufReader, toFloat32, type WrittenTensor, writeGguf } from '@foretoken/weights'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commands } from 'vitest/browser'

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

/** The same weights as f32: llama.cpp's f16 path rounds activations as well. */
async function asFloat32(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer())
  const reader = await GgufReader.open(new Blob([bytes]))
  const tensors = reader.tensors.map(({ name, type, rows, columns, offset, bytes: size }): WrittenTensor => {
    const values = toFloat32(type, bytes.subarray(offset, offset + size), rows * columns)
    return {
      name,
      type: 'f32',
      dims: rows > 1 ? [columns, rows] : [columns],
      data: new Uint8Array(values.buffer),
    }
  })
  await reader.close()
  // llama.cpp insists on these types.
  const typeOf = (key: string): 'f32' | 'i32' | undefined =>
    /epsilon$|freq_base$/.test(key) ? 'f32' : key.endsWith('token_type') ? 'i32' : undefined
  const metadata = [...reader.metadata, ['general.file_type', 0] as const].map(([key, value]) => {
    const type = typeOf(key)
    return [key, type ? { type, value } : value] as const
  })
  return writeGguf({ metadata: new Map(metadata), tensors })
}

function base64(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const reader = new FileReader()
  reader.readAsDataURL(new Blob([bytes]))
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result).split(',')[1]!)
    reader.onerror = () => reject(reader.error)
  })
}

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
    const file = await asFloat32(family.target.f16)
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
