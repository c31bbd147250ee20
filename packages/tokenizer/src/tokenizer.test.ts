import { describe, expect, test } from 'vitest'
import { tokenizerFromGguf } from './tokenizer-gguf'
import { vocabularyDifference } from './vocabulary-difference'

const llama: [string, unknown][] = [
  ['tokenizer.ggml.model', 'llama'],
  ['tokenizer.ggml.tokens', ['<unk>', '<s>', '</s>', 'a']],
  ['tokenizer.ggml.scores', [0, 0, 0, 0]],
  ['tokenizer.ggml.token_type', [2, 3, 3, 1]],
  ['tokenizer.ggml.bos_token_id', 1],
  ['tokenizer.ggml.eos_token_id', 2],
]
const gpt2: [string, unknown][] = [
  ['tokenizer.ggml.model', 'gpt2'],
  ['tokenizer.ggml.tokens', ['a', 'b', 'ab', '<|im_end|>', '<|endoftext|>', 'é é']],
  ['tokenizer.ggml.token_type', [1, 1, 1, 3, 3, 4]],
  ['tokenizer.ggml.merges', ['a b']],
  ['tokenizer.ggml.eos_token_id', 4],
]

const open = (base: [string, unknown][], ...changes: [string, unknown][]) =>
  tokenizerFromGguf(
    new Map([...base, ...changes.map(([key, value]): [string, unknown] => [`tokenizer.${key}`, value])]),
  )

describe('metadata that is missing or inconsistent is a bad model', () => {
  test.each<[string, unknown, RegExp, [string, unknown][]]>([
    ['ggml.model', undefined, /has no tokenizer\.ggml\.model/, llama],
    ['ggml.model', 'bert', /"bert" is not supported; supported are llama, gpt2/, llama],
    ['ggml.model', 3, /must be a string, found 3/, llama],
    ['ggml.tokens', undefined, /has no tokenizer\.ggml\.tokens/, llama],
    ['ggml.tokens', [], /is empty/, llama],
    ['ggml.tokens', ['a', 1], /tokens\[1\] must be a string, found number/, llama],
    ['ggml.tokens', 'a', /must be an array/, llama],
    ['ggml.scores', undefined, /has no tokenizer\.ggml\.scores/, llama],
    ['ggml.scores', [1], /scores has 1 elements for 4 tokens/, llama],
    ['ggml.scores', [1, 2, 3, 'x'], /scores\[3\] must be a number/, llama],
    ['ggml.token_type', [1], /token_type has 1 elements for 4 tokens/, llama],
    ['ggml.bos_token_id', 4, /a token id from 0 to 3, found 4/, llama],
    ['ggml.eos_token_id', -1, /a token id from 0 to 3, found -1/, llama],
    ['ggml.eot_token_id', 1.5, /a token id/, llama],
    ['ggml.add_bos_token', 1, /must be a boolean/, llama],
    ['chat_template', 1, /must be a string/, llama],
    ['ggml.merges', undefined, /has no tokenizer\.ggml\.merges/, gpt2],
    ['ggml.merges', ['ab'], /merges\[0\] is "ab", expected two tokens/, gpt2],
    ['ggml.merges', ['a b', 'a  b'], /merges\[1\]/, gpt2],
    ['ggml.merges', ['b a'], /needs a token "ba"/, gpt2],
    ['ggml.pre', 'jina-v2', /"jina-v2" is not supported; supported are default, gpt-2/, gpt2],
    ['ggml.pre', 'constructor', /is not supported/, gpt2],
  ])('%s = %j', (key, value, message, base) => {
    expect(() => open(base, [key, value])).toThrow(
      expect.objectContaining({
        code: 'bad-model',
        message: expect.stringMatching(message),
        details: expect.objectContaining({ key: `tokenizer.${key}` }),
      }),
    )
  })
})

describe('what the file says', () => {
  test('about BOS, or the default of its model', () => {
    expect(open(llama).encode('a')[0]).toBe(1)
    expect(open(llama, ['ggml.add_bos_token', false]).encode('a')).not.toContain(1)
    const bos: [string, unknown] = ['ggml.bos_token_id', 4]
    expect(open(gpt2, bos).encode('ab')).toEqual([2])
    expect(open(gpt2, bos, ['ggml.add_bos_token', true]).encode('ab')).toEqual([4, 2])
    expect(open(gpt2, bos, ['ggml.pre', 'llama-bpe']).encode('ab')).toEqual([4, 2])
    expect(open(gpt2, bos, ['ggml.pre', 'smaug-bpe']).encode('ab')).toEqual([2])
    expect(open(gpt2).encode('ab', { bos: true })).toEqual([2])
  })

  test('about ends, with the well-known end tokens of the vocabulary', () => {
    expect(open(llama, ['ggml.eot_token_id', 3]).endIds).toEqual([2, 3])
    expect(open(gpt2).endIds).toEqual([3, 4])
    expect(open(gpt2, ['ggml.token_type', undefined]).tokenBytes(4).length).toBe(0)
  })

  test('about user-defined tokens: they stand for their text in every text', () => {
    const tokenizer = open(gpt2)
    expect(tokenizer.encode('aé éb')).toEqual([0, 5, 1])
    expect(tokenizer.decode([0, 5, 1])).toBe('aé éb')
  })

  test('nothing about ids outside the vocabulary: they are empty', () => {
    const tokenizer = open(gpt2)
    expect([tokenizer.vocabSize, tokenizer.tokenText(99), tokenizer.tokenBytes(99).length]).toEqual([
      6,
      '',
      0,
    ])
  })

  test('a merge cannot make a control token of a text', () => {
    const tokenizer = open(gpt2, ['ggml.token_type', [1, 1, 3, 3, 3, 4]])
    expect(tokenizer.encode('ab')).toEqual([0, 1])
    expect(tokenizer.encode('ab', { special: true })).toEqual([2])
  })
})

describe('vocabularyDifference', () => {
  test('is none for the same vocabulary', () => {
    expect(vocabularyDifference(open(gpt2), open(gpt2, ['ggml.eos_token_id', 3]))).toBeUndefined()
  })

  test('tells the first other text and the first other bytes, and how many ids differ', () => {
    expect(vocabularyDifference(open(gpt2), open(llama))).toMatchObject({
      id: 0,
      expected: 'a',
      found: '<unk>',
      numDifferent: 4,
    })
    const other = open(llama, ['ggml.tokens', ['<unk>', '<s>', '</s>', 'b']])
    expect(vocabularyDifference(open(llama), other)).toMatchObject({ id: 3, expected: 'a', found: 'b' })
    const silent = open(llama, ['ggml.token_type', [2, 3, 3, 3]])
    expect(vocabularyDifference(open(llama), silent)).toMatchObject({ id: 3, expected: [97], found: [] })
  })
})
