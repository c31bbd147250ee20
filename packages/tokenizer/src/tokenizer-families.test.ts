import { describe, expect, test } from 'vitest'
import { type FamilyFixture, familyFixtures, ggufMetadata, jsonTokenizer, texts } from './family-fixture'
import type { Tokenizer } from './tokenizer'
import { tokenizerFromGguf } from './tokenizer-gguf'
import { vocabularyDifference } from './vocabulary-difference'

const fixtures = familyFixtures()

/** The texts for which `actual` gives another result: for all of them there is none. */
function differences<T>(expected: (i: number) => T, actual: (text: string, i: number) => T) {
  const pairs = texts.map((text, i) => ({ text, expected: expected(i), actual: actual(text, i) }))
  return pairs.filter(pair => JSON.stringify(pair.expected) !== JSON.stringify(pair.actual))
}

interface Case {
  fixture: FamilyFixture
  source: string
  tokenizer: Tokenizer
  except: readonly string[]
}

const cases = fixtures.flatMap((fixture): Case[] => {
  const json = { fixture, source: 'tokenizer.json', tokenizer: jsonTokenizer(fixture), except: [] }
  if (!fixture.gguf) return [json]
  const tokenizer = tokenizerFromGguf(ggufMetadata(fixture))
  return [json, { fixture, source: 'GGUF', tokenizer, except: fixture.gguf.except ?? [] }]
})

test('there are 313 texts and ten families', () => {
  expect(texts.length).toBe(313)
  expect(fixtures.length).toBe(process.env.FORETOKEN_TOKENIZERS ? fixtures.length : 10)
})

test.each(fixtures.filter(({ gguf }) => gguf))('$name has one vocabulary, from whichever file', fixture => {
  const gguf = tokenizerFromGguf(ggufMetadata(fixture))
  expect(vocabularyDifference(jsonTokenizer(fixture), gguf)).toBeUndefined()
})

for (const { fixture, source, tokenizer, except } of cases) {
  describe(`${fixture.name} from ${source} is what transformers gives`, () => {
    const { plain, special, decoded, chats } = fixture

    test('for texts', () => {
      const found = differences(
        i => plain[i],
        text => tokenizer.encode(text),
      )
      expect(found.filter(({ text }) => !except.includes(text))).toEqual([])
    })

    test('for special tokens in texts', () => {
      const found = differences(
        i => special[i] ?? plain[i],
        text => tokenizer.encode(text, { special: true }),
      )
      expect(found.filter(({ text }) => !except.includes(text))).toEqual([])
    })

    test('back to text', () => {
      const text = (i: number) => decoded[i] ?? texts[i]
      expect(differences(text, (_, i) => tokenizer.decode(plain[i]!, { start: true }))).toEqual([])
    })

    test('in a stream, which never holds a part of a character', () => {
      for (const [i, ids] of plain.entries()) {
        const decoder = tokenizer.decoder()
        const pieces = ids.map(id => decoder.push(id))
        expect(pieces.join('')).toBe(tokenizer.decode(ids))
        expect(decoder.flush()).toBe('')
        if (!texts[i]!.includes('\ufffd')) expect(pieces.join('')).not.toContain('\ufffd')
      }
    })

    test('for chats', () => {
      for (const { messages, tools, ids } of chats) {
        const found = tokenizer.encodeChat(messages, tools)
        expect(found.map(id => tokenizer.tokenText(id))).toEqual(ids.map(id => tokenizer.tokenText(id)))
        expect(found).toEqual(ids)
      }
    })
  })
}
