import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { familyFixtures, jsonTokenizer } from './family-fixture'
import { tokenizerFromGguf } from './tokenizer-gguf'
import { NO_TWIN, pairVocabularies } from './vocabulary-pair'

const kinds = { normal: 1, unknown: 2, control: 3, unused: 5, byte: 6 }
type Entry = readonly [text: string, kind: keyof typeof kinds]

const special: Entry[] = [
  ['<unk>', 'unknown'],
  ['<s>', 'control'],
  ['</s>', 'control'],
]

/** A vocabulary that begins with the three special tokens. */
function vocabulary(entries: readonly Entry[], ends = 2) {
  const all = [...special, ...entries]
  return tokenizerFromGguf(
    new Map<string, unknown>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', all.map(([text]) => text)],
      ['tokenizer.ggml.token_type', all.map(([, kind]) => kinds[kind])],
      ['tokenizer.ggml.scores', all.map((_, id) => -id)],
      ['tokenizer.ggml.bos_token_id', 1],
      ['tokenizer.ggml.eos_token_id', ends],
      ['tokenizer.ggml.unknown_token_id', 0],
    ]),
  )
}

const words = (...texts: string[]) => vocabulary(texts.map((text): Entry => [text, 'normal']))
const padded = (texts: string[], numRows: number) =>
  vocabulary(
    Array.from(
      { length: numRows },
      (_, i): Entry => (i < texts.length ? [texts[i]!, 'normal'] : [`[PAD${i + 3}]`, 'unused']),
    ),
  )

const token = fc.oneof(
  fc.stringMatching(/^[a-c▁]{1,4}$/).map((text): Entry => [text, 'normal']),
  fc.integer({ min: 0x61, max: 0x66 }).map((byte): Entry => [`<0x${byte.toString(16)}>`, 'byte']),
  fc.constantFrom('<|a|>', '<|b|>').map((text): Entry => [text, 'control']),
)
const entries = fc.uniqueArray(token, { selector: ([text]) => text, minLength: 1, maxLength: 40 })

const twinOf = (twins: Uint32Array, id: number) => (twins[id]! < NO_TWIN ? twins[id] : undefined)

describe('a map of ids', () => {
  it('leads to a token of the same bytes, and back to where it came from', () => {
    fc.assert(
      fc.property(entries, entries, (ours, theirs) => {
        const [a, b] = [vocabulary(ours), vocabulary(theirs)]
        const there = pairVocabularies(a, b)
        const back = pairVocabularies(b, a)
        expect(there.numCommon).toBe(back.numCommon)
        expect(there.share).toBe(back.share)
        expect(back.twins === undefined).toBe(there.twins === undefined)
        if (!there.twins || !back.twins) return
        for (let id = 0; id < a.vocabSize; id++) {
          expect(there.twins[id]! & ~NO_TWIN).toBeLessThan(b.vocabSize)
          const twin = twinOf(there.twins, id)
          if (twin === undefined) continue
          expect(b.tokenBytes(twin)).toEqual(a.tokenBytes(id))
          expect(twinOf(back.twins, twin)).toBe(id)
        }
      }),
    )
  })

  it('is that of a permutation, where the other has the same tokens in another order', () => {
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), (ours, dice) => {
        const order = ours.map((entry, i) => ({ entry, i, key: dice.next().value as number }))
        order.sort((a, b) => a.key - b.key)
        const { twins, share, numCommon } = pairVocabularies(
          vocabulary(ours),
          vocabulary(order.map(({ entry }) => entry)),
        )
        const texts = ours.filter(([, kind]) => kind !== 'control').length
        expect(numCommon).toBe(texts)
        if (texts > 0) expect(share).toBe(1)
        if (!twins) return
        const at = ours.map((_, i) => 3 + order.findIndex(each => each.i === i))
        expect([...twins]).toEqual([0, 1, 2, ...at])
      }),
    )
  })
})

describe('ids are the same', () => {
  test('where one embedding has more rows than the other, or a token where the other has none', () => {
    const longer = padded(['a', 'b', 'c', 'd'], 9)
    for (const other of [
      padded(['a', 'b', 'c'], 6),
      words('a', 'b'),
      padded(['a', 'b', 'c', 'd', 'e'], 12),
    ]) {
      for (const pair of [pairVocabularies(longer, other), pairVocabularies(other, longer)]) {
        expect(pair).toMatchObject({ twins: undefined, share: 1, difference: undefined })
      }
    }
    expect(pairVocabularies(longer, words('a', 'b')).numCommon).toBe(2)
  })

  test('unless a token is another one: then it tells which, and how many are', () => {
    const { difference, share, numCommon } = pairVocabularies(
      words('a', 'b', 'c', 'd'),
      words('a', 'x', 'b', 'd', 'e'),
    )
    expect(difference).toMatchObject({ id: 4, expected: 'b', found: 'x', numDifferent: 2 })
    expect({ share, numCommon }).toEqual({ share: 0.75, numCommon: 3 })
  })
})

describe('a token without a twin', () => {
  const nearest = (twins: Uint32Array | undefined, id: number) => twins![id]! - NO_TWIN

  test('is read as the longest token that it ends with', () => {
    const { twins } = pairVocabularies(words('▁together', 'x'), words('her', 'r', 'ether', '▁to', 'toget'))
    expect(nearest(twins, 3)).toBe(5)
    expect(nearest(twins, 4)).toBe(1) // nothing: what begins a text
  })

  test('is none where a name of a byte stands for the text of another', () => {
    const theirs = vocabulary([
      ['<0x61>', 'byte'],
      ['a', 'normal'],
    ])
    expect(pairVocabularies(words('a'), theirs).twins![3]).toBe(4)
    expect(pairVocabularies(theirs, words('a')).twins!.subarray(3)).toEqual(Uint32Array.of(3 + NO_TWIN, 3))
  })

  test('of a turn’s end or a text’s beginning is that of the other, whatever its name', () => {
    const [ours, theirs] = [
      vocabulary([['<|eot|>', 'control']], 3),
      vocabulary(
        [
          ['x', 'normal'],
          ['<|end|>', 'control'],
        ],
        4,
      ),
    ]
    expect(pairVocabularies(ours, theirs).twins![3]).toBe(4)
  })
})

test('families of models share what their tokens stand for, not their ids', () => {
  const fixtures = familyFixtures()
  const tokenizers = fixtures.map(fixture => jsonTokenizer(fixture))
  for (const [i, target] of tokenizers.entries()) {
    for (const [j, draft] of tokenizers.entries()) {
      const { twins, share } = pairVocabularies(target, draft)
      const name = `${fixtures[i]!.name} and ${fixtures[j]!.name}`
      if (i === j) expect(twins, name).toBeUndefined()
      expect(share, name).toBeGreaterThan(0.5)
      expect(share, name).toBeLessThanOrEqual(1)
    }
  }
})
