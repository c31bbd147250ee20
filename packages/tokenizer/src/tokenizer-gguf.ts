import { byteLevelEncoder } from './byte-level-encoder'
import { type Metadata, stringField } from './metadata-field'
import { ScoreEncoder } from './score-encoder'
import { type Tokenizer, VocabularyTokenizer } from './tokenizer'
import { readModel, readVocabulary } from './vocabulary'

/** The tokenizer that a GGUF file describes. Throws `bad-model` where it is inconsistent or not supported. */
export function tokenizerFromGguf(metadata: Metadata): Tokenizer {
  const model = readModel(metadata)
  const vocabulary = readVocabulary(metadata)
  const encoder =
    model === 'llama' ? new ScoreEncoder(vocabulary, metadata) : byteLevelEncoder(vocabulary, metadata)
  return new VocabularyTokenizer(vocabulary, encoder, stringField(metadata, 'tokenizer.chat_template'))
}
