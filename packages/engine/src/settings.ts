/** Options of an engine, checked. */
import { DRAFT_MODELS, MAX_DEPTH } from '@foretoken/scheduler'
import { bad } from './argument'
import type { KvType, Numerics } from './llama-buffers'
import type { ModelConfig } from './model-config'
import { MIN_CONTEXT } from './trial'
import type { EngineOptions } from './types'

const DEFAULT_CONCURRENT = 4
const DEFAULT_CONTEXT = 4096

export interface Settings {
  maxConcurrent: number
  contextLength: number | undefined
  kvType: KvType
  numerics: Numerics
  verificationDepth: number
  trees: boolean
  /** The n-gram cache's name; undefined: there is none. */
  ngramCache: string | undefined
  /** Address of what compiles grammars; undefined: no request may have one. */
  grammars: string | undefined
}

const DEFAULT_CACHE_NAME = 'default'

const known = [
  'model',
  'draft',
  'heads',
  'trees',
  'ngramCache',
  'store',
  'quantize',
  'onProgress',
  'signal',
  'maxConcurrent',
  'contextLength',
  'kvType',
  'numerics',
  'verificationDepth',
  'grammars',
]

export function readSettings(options: EngineOptions): Settings {
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) throw bad(name, value, `one of ${known.join(', ')}`)
  }
  const { maxConcurrent = DEFAULT_CONCURRENT, contextLength, kvType = 'f16', verificationDepth = 0 } = options
  const { trees = false, store = true, numerics = 'exact', draft } = options
  const whole = (value: number, max: number): boolean => Number.isInteger(value) && value >= 1 && value <= max
  if (!whole(maxConcurrent, 32)) throw bad('maxConcurrent', maxConcurrent, 'a whole number from 1 to 32')
  if (contextLength !== undefined && !(whole(contextLength, 2 ** 20) && contextLength >= MIN_CONTEXT)) {
    throw bad('contextLength', contextLength, `a whole number from ${MIN_CONTEXT} to 1048576`)
  }
  if (kvType !== 'f16' && kvType !== 'f32') throw bad('kvType', kvType, "'f16' or 'f32'")
  if (numerics !== 'exact' && numerics !== 'fast') throw bad('numerics', numerics, "'exact' or 'fast'")
  if (verificationDepth !== 0 && !whole(verificationDepth, MAX_DEPTH)) {
    throw bad('verificationDepth', verificationDepth, `a whole number from 0 to ${MAX_DEPTH}`)
  }
  if (typeof trees !== 'boolean') throw bad('trees', trees, 'true or false')
  if (![undefined, 'q8_0', 'q4_0'].includes(options.quantize)) {
    throw bad('quantize', options.quantize, "'q8_0' or 'q4_0'")
  }
  if (typeof store !== 'boolean') throw bad('store', store, 'true or false')
  if (Array.isArray(draft) && draft.length > DRAFT_MODELS.length) {
    throw bad('draft', `${draft.length} models`, `at most ${DRAFT_MODELS.length}`)
  }
  return {
    maxConcurrent,
    contextLength,
    kvType,
    numerics,
    verificationDepth,
    trees,
    ngramCache: cacheName(options.ngramCache),
    grammars: grammarsAddress(options.grammars),
  }
}

function cacheName(cache: EngineOptions['ngramCache'] = false): string | undefined {
  if (typeof cache === 'boolean') return cache ? DEFAULT_CACHE_NAME : undefined
  const name = (cache as { name?: unknown } | null)?.name
  if (typeof name === 'string' && name !== '' && name.length <= 100) return name
  throw bad('ngramCache', cache, 'true, false or { name }, a text of 1 to 100 characters')
}

function grammarsAddress(address: EngineOptions['grammars']): string | undefined {
  if (address === undefined || address instanceof URL) return address?.href
  if (typeof address === 'string' && address !== '') return address
  throw bad('grammars', address, 'an address: a text or a URL')
}

/** What the options ask for, or the smaller of the model's own and DEFAULT_CONTEXT. */
export function contextLengthOf({ contextLength }: Settings, { context }: ModelConfig): number {
  if (contextLength !== undefined && contextLength > context)
    throw bad('contextLength', contextLength, `1 to ${context}, the model's own`)
  return contextLength ?? Math.min(context, DEFAULT_CONTEXT)
}
