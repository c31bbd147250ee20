/** The public entry: at most 12 names (DESIGN.md section 4). Chat completions have OpenAI's types. */
export type {
  EngineOptions,
  EngineStats,
  GenerateOptions,
  LoadProgress,
  Preflight,
  TokenBatch,
} from '@foretoken/engine/types'
export { EngineError, isEngineError } from '@foretoken/errors'
export { createEngine } from './create-engine.ts'
export { models } from './models.ts'
export { preflight } from './preflight.ts'
export type { Engine } from './types.ts'
