/** Options of an engine, checked as far as this side can, as they cross to the worker. */
import type { EngineOptions } from '@foretoken/engine/types'
import { throwIfAborted } from '@foretoken/errors'
import { checkOnProgress, checkOptions, checkSignal } from './check-options.ts'
import { resolveAddress, resolveSource } from './model-address.ts'
import type { WireEngineOptions } from './protocol.ts'
import type { CallOptions } from './worker-call.ts'

/** What the worker gets, and what stays here. */
export function wireOptions(options: EngineOptions): [WireEngineOptions, CallOptions] {
  checkOptions(options)
  const { model, draft = defaultDraft(model), heads, grammars, onProgress, signal, ...others } = options
  checkSignal(signal)
  checkOnProgress(onProgress)
  throwIfAborted(signal, 'start')
  const wire: WireEngineOptions = { ...others, model: resolveSource(model, 'model') }
  if (draft !== undefined) wire.draft = [draft].flat().map(source => resolveSource(source, 'draft'))
  if (heads !== undefined) wire.heads = resolveSource(heads, 'heads')
  if (grammars !== undefined)
    wire.grammars = resolveAddress(grammars, 'grammars', 'an address: a text or a URL')
  return [wire, { onProgress, signal }]
}

/** The bundled model brings its draft. */
function defaultDraft(model: unknown): 'bundled' | undefined {
  return model === 'bundled' ? 'bundled' : undefined
}
