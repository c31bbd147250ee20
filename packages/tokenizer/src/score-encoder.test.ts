import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tokenizerFromGguf } from './tokenizer-gguf'

type Entry = [text: string, score: number, kind: number]

/** <unk>, BOS, EOS, 256 byte tokens, then `entries`. */
function metadataOf(entries: Entry[], extra: [string, unknown][] = []): Map<string, unknown> {
  const hex = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
  const bytes = Array.from({ length: 256 }, (_, byte): Entry => [hex(byte), 0, 6])
  const all: Entry[] = [['<unk>', 0, 2], ['<s>', 0, 3], ['</s>', 0, 3], ...bytes, ...entries]
  return new Map<string, unknown>([
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', all.map(([text]) => text)],
    ['tokenizer.ggml.scores', all.map(([, score]) => score)],
    ['tokenizer.ggml.token_type', all.map(([, , kind]) => kind)],
    ['tokenizer.ggml.bos_token_id', 1],
    ['tokenizer.ggml.eos_token_id', 2],
    ...extra,
  ])
}

const piecesOf = (entries: Entry[], text: string, extra: [string, unknown][] = []) => {
  const tokenizer = tokenizerFromGguf(metadataOf(entries, extra))
  return tokenizer.encode(text, { bos: false }).map(id => tokenizer.tokenText(id))
}

const plain: [string, unknown][] = [['tokenizer.ggml.add_space_prefix', false]]
const letters: Entry[] = ['a', 'b', 'c', '▁'].map(text => [text, -100, 1])

describe('merging by score', () => {
  test('the highest score goes first', () => {
    const pairs: Entry[] = [...letters, ['ab', -2, 1], ['bc', -1, 1]]
    expect(piecesOf(pairs, 'abc', plain)).toEqual(['a', 'bc'])
  })

  test('among equals the leftmost goes first, whichever stands first in the vocabulary', () => {
    const pairs: Entry[] = [...letters, ['bc', -1, 1], ['ab', -1, 1]]
    expect(piecesOf(pairs, 'abc', plain)).toEqual(['ab', 'c'])
    expect(piecesOf([...letters, ['aa', -1, 1]], 'aaaaa', plain)).toEqual(['aa', 'aa', 'a'])
  })

  test('a joined piece may come from any two parts', () => {
    const chain: Entry[] = [...letters, ['ab', -3, 1], ['abc', -1, 1]]
    expect(piecesOf(chain, 'abcab', plain)).toEqual(['abc', 'ab'])
  })

  test('text outside the vocabulary becomes its bytes', () => {
    expect(piecesOf(letters, 'aé', plain)).toEqual(['a', '<0xC3>', '<0xA9>'])
    expect(piecesOf(letters, '<0x41>', plain)).toEqual([
      '<0x3C>',
      '<0x30>',
      '<0x78>',
      '<0x34>',
      '<0x31>',
      '<0x3E>',
    ])
  })

  test('a space comes first and after special tokens, unless the file says no', () => {
    expect(piecesOf(letters, 'a')).toEqual(['▁', 'a'])
    expect(piecesOf(letters, '')).toEqual([])
    const tokenizer = tokenizerFromGguf(metadataOf(letters))
    const ids = tokenizer.encode('a</s>b', { special: true })
    expect(ids.map(id => tokenizer.tokenText(id))).toEqual(['<s>', '▁', 'a', '</s>', '▁', 'b'])
    expect(piecesOf(letters, 'a', plain)).toEqual(['a'])
  })

  test('user-defined tokens are found in any text, control tokens never formed by merges', () => {
    const entries: Entry[] = [
      ...letters,
      ['<x▁y>', 0, 4],
      ['<s', -1, 1],
      ['<', -9, 1],
      ['s', -9, 1],
      ['>', -9, 1],
    ]
    expect(piecesOf(entries, 'a<x y><s>', plain)).toEqual(['a', '<x▁y>', '<s', '>'])
  })

  test('agrees with a slow reference', () => {
    const entry = fc.tuple(fc.stringMatching(/^[abc]{2,4}$/), fc.integer({ min: -4, max: 0 }), fc.constant(1))
    const entries = fc.uniqueArray(entry, { selector: ([text]) => text, maxLength: 12 })
    fc.assert(
      fc.property(entries, fc.stringMatching(/^[abc]{0,20}$/), (extra, text) => {
        const scores = new Map(extra.map(([piece, score]) => [piece, score]))
        const expected = [...text]
        for (;;) {
          let best = -1
          let bestScore = Number.NEGATIVE_INFINITY
          for (let i = 0; i + 1 < expected.length; i++) {
            const score = scores.get(expected[i]! + expected[i + 1]!) ?? Number.NEGATIVE_INFINITY
            if (score > bestScore) [best, bestScore] = [i, score]
          }
          if (best === -1) break
          expected.splice(best, 2, expected[best]! + expected[best + 1]!)
        }
        expect(piecesOf([...letters, ...(extra as Entry[])], text, plain)).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  test('a long text takes no quadratic time', () => {
    const tokenizer = tokenizerFromGguf(metadataOf([...letters, ['ab', -1, 1], ['abab', -2, 1]], plain))
    expect(tokenizer.encode('ab'.repeat(50_000), { bos: false }).length).toBe(25_000)
  })
})

describe('a tokenizer of byte tokens', () => {
  const tokenizer = tokenizerFromGguf(metadataOf(letters, plain))

  test('streams any ids as the joined bytes decode', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(270), { maxLength: 40 }), ids => {
        const decoder = tokenizer.decoder()
        const streamed = ids.map(id => decoder.push(id)).join('') + decoder.flush()
        const bytes = Uint8Array.from(ids.flatMap(id => [...tokenizer.tokenBytes(id)]))
        expect(streamed).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
      }),
    )
  })

  test('an emoji over four tokens comes out at the fourth', () => {
    const decoder = tokenizer.decoder()
    expect(tokenizer.encode('🙂', { bos: false }).map(id => decoder.push(id))).toEqual(['', '', '', '🙂'])
  })

  test('an unfinished character is U+FFFD at the end, and the next text begins anew', () => {
    const decoder = tokenizer.decoder()
    expect(decoder.push(3 + 0xf0)).toBe('')
    expect(decoder.flush()).toBe('\ufffd')
    expect(decoder.push(3 + 0x41)).toBe('A')
  })

  test('any text survives', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        fc.pre(!text.includes('▁'))
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
      }),
    )
  })
})
