/** The public entry: at most 12 names (DESIGN.md section 4). */
export type {
  ChatMessage,
  EngineOptions,
  EngineStats,
  GenerateOptions,
  LoadProgress,
  TokenBatch,
} from '@foretoken/engine/types'
export { EngineError, isEngineError } from '@foretoken/errors'
export { createEngine } from './create-engine.ts'
export type { ChatCompletion, ChatCompletionChunk, Engine } from './types.ts'
