/** Options of an engine, checked. */
import { MAX_DEPTH } from '@foretoken/scheduler'
import type { KvType } from './llama-buffers'
import type { ModelConfig } from './model-config'
import { bad } from './request'
import { MIN_CONTEXT } from './trial'
import type { EngineOptions } from './types'

const DEFAULT_CONCURRENT = 4
const DEFAULT_CONTEXT = 4096

export interface Settings {
  maxConcurrent: number
  contextLength: number | undefined
  kvType: KvType
  verificationDepth: number
}

const known = [
  'model',
  'draft',
  'onProgress',
  'signal',
  'maxConcurrent',
  'contextLength',
  'kvType',
  'verificationDepth',
]

export function readSettings(options: EngineOptions): Settings {
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) throw bad(name, value, `one of ${known.join(', ')}`)
  }
  const { maxConcurrent = DEFAULT_CONCURRENT, contextLength, kvType = 'f16', verificationDepth = 0 } = options
  const whole = (value: number, max: number): boolean => Number.isInteger(value) && value >= 1 && value <= max
  if (!whole(maxConcurrent, 32)) throw bad('maxConcurrent', maxConcurrent, 'a whole number from 1 to 32')
  if (contextLength !== undefined && !(whole(contextLength, 2 ** 20) && contextLength >= MIN_CONTEXT)) {
    throw bad('contextLength', contextLength, `a whole number from ${MIN_CONTEXT} to 1048576`)
  }
  if (kvType !== 'f16' && kvType !== 'f32') throw bad('kvType', kvType, "'f16' or 'f32'")
  if (verificationDepth !== 0 && !whole(verificationDepth, MAX_DEPTH)) {
    throw bad('verificationDepth', verificationDepth, `a whole number from 0 to ${MAX_DEPTH}`)
  }
  return { maxConcurrent, contextLength, kvType, verificationDepth }
}

/** What the options ask for, or the smaller of the model's own and DEFAULT_CONTEXT. */
export function contextLengthOf({ contextLength }: Settings, { context }: ModelConfig): number {
  if (contextLength !== undefined && contextLength > context)
    throw bad('contextLength', contextLength, `1 to ${context}, the model's own`)
  return contextLength ?? Math.min(context, DEFAULT_CONTEXT)
}
