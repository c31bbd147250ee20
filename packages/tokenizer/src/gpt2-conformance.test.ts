import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gpt2Metadata } from './gpt2-metadata'
import { tokenizerFromGguf } from './tokenizer-gguf'
import { tokenizerFromJson } from './tokenizer-json'

const folder = new URL('../../../../shared/tokenizers/gpt2/', import.meta.url)
const readText = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const read = (name: string) => JSON.parse(readText(name))

describe.skipIf(!existsSync(folder))('GPT-2 of ../shared/tokenizers (skipped where it is missing)', () => {
  const cases: { source: string; text: string; ids: number[] }[] = existsSync(folder)
    ? read('cases.json')
    : []
  const metadata = existsSync(folder) ? gpt2Metadata(read('tokenizer.json')) : new Map()
  const tokenizer = existsSync(folder) ? tokenizerFromGguf(metadata) : undefined!

  test('has all 72 cases', () => expect(cases.length).toBe(72))

  test.each(cases.map((testCase, i) => [i, testCase] as const))('case %i', (_, { text, ids }) => {
    expect(tokenizer.encode(text)).toEqual(ids)
    expect(tokenizer.decode(ids)).toBe(text)
  })

  test('all cases through tokenizer.json itself', () => {
    const json = tokenizerFromJson({ tokenizer: readText('tokenizer.json') })
    for (const { text, ids } of cases) {
      expect(json.encode(text)).toEqual(ids)
      expect(json.decode(ids, { start: true })).toBe(text)
    }
  })

  test('any text survives encode and decode', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
      }),
      { numRuns: 200 },
    )
  })

  test('text streams in whole characters, without U+FFFD', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), text => {
        const decoder = tokenizer.decoder()
        const pieces = tokenizer.encode(`👩‍🚀 ${text}`).map(id => decoder.push(id))
        expect(pieces.join('')).toBe(`👩‍🚀 ${text}`)
        expect(decoder.flush()).toBe('')
      }),
      { numRuns: 100 },
    )
  })

  test('any ids stream as the joined bytes decode', () => {
    const id = fc.oneof(fc.nat(255), fc.nat(50256))
    fc.assert(
      fc.property(fc.array(id, { maxLength: 30 }), ids => {
        const decoder = tokenizer.decoder()
        const streamed = ids.map(id => decoder.push(id)).join('') + decoder.flush()
        const bytes = Uint8Array.from(ids.flatMap(id => [...tokenizer.tokenBytes(id)]))
        expect(streamed).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
        expect(tokenizer.decode(ids)).toBe(streamed)
      }),
      { numRuns: 200 },
    )
  })

  test('a control token in a text is text, unless it is asked for', () => {
    const text = 'a<|endoftext|>b'
    expect(tokenizer.encode(text)).not.toContain(50256)
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    expect(tokenizer.encode(text, { special: true })).toEqual([64, 50256, 65])
    expect(tokenizer.tokenBytes(50256).length).toBe(0)
  })

  test('BOS only where it is asked for', () => {
    expect(tokenizer.encode('a', { bos: true })).toEqual([50256, 64])
    expect(tokenizer.endIds).toEqual([50256])
  })

  const words = (pre: string, text: string) => {
    const other = tokenizerFromGguf(new Map([...metadata, ['tokenizer.ggml.pre', pre]]))
    return other.encode(text, { bos: false }).map(id => other.decode([id]))
  }

  test('the pre-tokenizers cut digits each in their own way', () => {
    expect(words('gpt-2', 'in 2019')).toEqual(['in', ' 2019'])
    expect(words('smollm', 'in 2019')).toEqual(['in', ' ', '2', '0', '1', '9'])
    expect(words('qwen2', 'in 2019')).toEqual(['in', ' ', '2', '0', '1', '9'])
    for (const pre of ['llama-bpe', 'smaug-bpe'])
      expect(words(pre, 'in 2019')).toEqual(['in', ' ', '201', '9'])
  })

  test('the pre-tokenizers of Llama 3 and Qwen 2 know capital contractions and line ends', () => {
    for (const pre of ['llama3', 'smaug-bpe', 'qwen2']) {
      expect(words(pre, "WE'RE")).toEqual(['WE', "'", 'RE'])
      expect(words(pre, 'x;\n\ny')).toEqual(['x', ';', '\n\n', 'y'])
    }
    expect(words('qwen2', 'e\u0301').join('')).toBe('é')
  })
})
