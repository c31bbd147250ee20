import { describe, expect, test } from 'vitest'
import { tokenizerFromJson } from './tokenizer-json'

const level = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
const whole = {
  added_tokens: [{ id: 3, content: '<|end|>', special: true }],
  normalizer: null,
  pre_tokenizer: level,
  post_processor: null,
  decoder: level,
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] },
}

const open = (changes: object = {}, config?: object, vocabSize?: number) =>
  tokenizerFromJson({
    tokenizer: JSON.stringify({ ...whole, ...changes }),
    config: config && JSON.stringify(config),
    vocabSize,
  })

describe('tokenizer.json', () => {
  test('ids behind its tokens, up to the rows of the model, stand for nothing', () => {
    const tokenizer = open({}, undefined, 8)
    expect([tokenizer.vocabSize, tokenizer.tokenText(7), tokenizer.tokenBytes(7).length]).toEqual([
      8,
      '[PAD7]',
      0,
    ])
    expect(tokenizer.encode('ab')).toEqual([2])
    expect(tokenizer.endIds).toEqual([3])
  })

  test('rows far beyond its tokens are refused', () => {
    expect(() => open({}, undefined, 2 ** 31)).toThrow(
      expect.objectContaining({
        code: 'bad-model',
        message: expect.stringContaining('ids go up to 2147483647'),
      }),
    )
  })

  test('BOS is put where the post-processor or the config says so', () => {
    const single = [{ SpecialToken: { id: '<|end|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }]
    const post_processor = { type: 'Sequence', processors: [level, { type: 'TemplateProcessing', single }] }
    const bos_token = { content: '<|end|>' }
    expect(open({ post_processor }, { bos_token }).encode('a')).toEqual([3, 0])
    expect(open({ post_processor }, { bos_token, add_bos_token: false }).encode('a')).toEqual([3, 0])
    expect(open({}, { bos_token, add_bos_token: true }).encode('a')).toEqual([3, 0])
    expect(open({}, { bos_token }).encode('a')).toEqual([0])
  })

  test('ends are EOS, well-known names, and what the generation config names', () => {
    const tokenizer = JSON.stringify(whole)
    const config = JSON.stringify({ eos_token: 'b' })
    expect(tokenizerFromJson({ tokenizer, config, endIds: [0] }).endIds).toEqual([0, 1, 3])
    expect(() => tokenizerFromJson({ tokenizer, endIds: [4] })).toThrow(
      expect.objectContaining({ code: 'bad-model', message: expect.stringContaining('names 4') }),
    )
  })

  test('of several templates the default one is for conversations; a file of its own goes first', () => {
    const chat_template = [
      { name: 'tool_use', template: 'b' },
      { name: 'default', template: 'a' },
    ]
    const messages = [{ role: 'user', content: '' }]
    expect(open({}, { chat_template }).encodeChat(messages)).toEqual([0])
    const files = { tokenizer: JSON.stringify(whole), config: JSON.stringify({ chat_template }) }
    expect(tokenizerFromJson({ ...files, chatTemplate: 'b' }).encodeChat(messages)).toEqual([1])
  })

  test.each<[string, object, RegExp]>([
    ['WordPiece', { model: { ...whole.model, type: 'WordPiece' } }, /type WordPiece is not supported/],
    ['a suffix', { model: { ...whole.model, end_of_word_suffix: '</w>' } }, /end_of_word_suffix/],
    ['an id that is none', { model: { ...whole.model, vocab: { a: -1 } } }, /integer from 0, found -1/],
    ['an id far beyond', { model: { ...whole.model, vocab: { a: 2 ** 40 } } }, /ids go up to 1099511627776/],
    ['a merge of what is no token', { model: { ...whole.model, merges: ['b a'] } }, /merges\[0\] is "b a"/],
    ['an unknown step', { pre_tokenizer: { type: 'Whitespace' } }, /"Whitespace" of the tokenizer is not/],
    ['a step like a member of Object', { normalizer: { type: 'constructor' } }, /"constructor"/],
    [
      'a token for whole words',
      { added_tokens: [{ id: 3, content: 'x', single_word: true }] },
      /single words/,
    ],
    [
      'a pattern that is none',
      { pre_tokenizer: { type: 'Split', behavior: 'Isolated', pattern: { Regex: '(' } } },
      /cannot be read/,
    ],
    [
      'a pattern that takes seconds to compile',
      { pre_tokenizer: { type: 'Split', behavior: 'Isolated', pattern: { Regex: 'a|'.repeat(1001) } } },
      /has 2002 characters; supported are 2000/,
    ],
  ])('%s is refused', (_, changes, message) => {
    expect(() => open(changes)).toThrow(
      expect.objectContaining({ code: 'bad-model', message: expect.stringMatching(message) }),
    )
  })

  test('sequences within each other without end are refused', () => {
    const depth = 100_000
    const nested = `${'{"type":"Sequence","decoders":['.repeat(depth)}${']}'.repeat(depth)}`
    const tokenizer = JSON.stringify(whole).replace(/"decoder":\{.*?\}/, `"decoder":${nested}`)
    expect(() => tokenizerFromJson({ tokenizer })).toThrow(expect.objectContaining({ code: 'bad-model' }))
  })

  test('a text that is no JSON is refused', () => {
    expect(() => tokenizerFromJson({ tokenizer: '{' })).toThrow(
      expect.objectContaining({ code: 'bad-model' }),
    )
  })
})
