import { badModel } from './bad-model'
import { HuggingFaceEncoder, type Step } from './hugging-face-encoder'
import { type Metadata, required, stringsField } from './metadata-field'
import { type PreTokenizer, readPreTokenizer } from './pre-tokenizer'
import type { Vocabulary } from './vocabulary'

/** Byte-level BPE of a GGUF file ('gpt2'), as a tokenizer.json would have it. */
export function byteLevelEncoder(vocabulary: Vocabulary, metadata: Metadata): HuggingFaceEncoder {
  const pre = readPreTokenizer(metadata)
  const steps = {
    normalizer: pre.composes ? { type: 'NFC' } : null,
    preTokenizer: preTokenizerOf(pre),
    ignoreMerges: pre.ignoreMerges ?? false,
    merges: readMerges(vocabulary, metadata),
  }
  return new HuggingFaceEncoder(vocabulary, steps, 'bytes', pre.addsBos ?? false)
}

function preTokenizerOf(pre: PreTokenizer): Step {
  const splits = pre.splits.map(pattern => ({
    type: 'Split',
    pattern: { Regex: pattern },
    behavior: 'Isolated',
    invert: false,
  }))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  return { type: 'Sequence', pretokenizers: [...splits, byteLevel] }
}

function* readMerges(vocabulary: Vocabulary, metadata: Metadata): Generator<[string, string]> {
  const key = 'tokenizer.ggml.merges'
  const known = new Set(vocabulary.tokens)
  for (const [index, merge] of required(stringsField(metadata, key), key).entries()) {
    const [left, right, ...rest] = merge.split(' ')
    if (!left || !right || rest.length > 0) {
      const expected = 'two tokens with a space between'
      const message = `${key}[${index}] is "${merge}", expected ${expected}.`
      throw badModel(message, { key, index, expected, found: merge })
    }
    if (!known.has(left + right)) {
      const expected = `a token "${left}${right}"`
      const message = `${key}[${index}] needs ${expected}, which the vocabulary does not have.`
      throw badModel(message, { key, index, expected, found: merge })
    }
    yield [left, right]
  }
}
