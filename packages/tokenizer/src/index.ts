export type { ChatMessage } from './chat-template'
export type { StreamingDecoder } from './streaming-decoder'
export { type EncodeOptions, type Tokenizer, tokenizerFromGguf } from './tokenizer'
export { type VocabularyDifference, vocabularyDifference } from './vocabulary-difference'
