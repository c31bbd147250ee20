/** Sliding windows as config.json has them, told as GGUF would. */
import type { JsonObject, MetadataValue } from '@foretoken/weights'
import { isLastOf } from './architectures'
import { numberOf, unexpected } from './config-json'

/** With the defaults of its model. Throws `bad-model` where layers alternate otherwise than the layer loop can. */
export function folderWindow(config: JsonObject): Record<string, MetadataValue> {
  const every = globalEvery(config)
  const window = every === 1 ? {} : { 'attention.sliding_window': numberOf(config, 'sliding_window') }
  // An architecture with a pattern of its own goes by that one where it is not told another.
  const isTold = every !== undefined && (every > 1 || config.sliding_window_pattern !== undefined)
  return { ...window, ...(isTold ? { 'attention.sliding_window_pattern': every } : {}) }
}

/** The last of every so many layers sees all positions: 1 if each does, undefined if none. */
function globalEvery(config: JsonObject): number | undefined {
  const { layer_types: types, sliding_window_pattern: pattern, max_window_layers: first } = config
  const { use_sliding_window: isOn = true, sliding_window: window } = config
  const layers = numberOf(config, 'num_hidden_layers')
  const hasWindow = Boolean(isOn) && window != null
  if (Array.isArray(types)) return listedEvery(types, layers, hasWindow)
  if (pattern !== undefined) return numberOf(config, 'sliding_window_pattern')
  if (!hasWindow) return 1
  if (first === undefined || first === 0) return undefined
  // Qwen: layers from this one on have the window, which in the models that there are is none.
  if (numberOf(config, 'max_window_layers') >= layers) return 1
  throw unexpected('max_window_layers', first, [0, layers])
}

function listedEvery(types: readonly unknown[], layers: number, hasWindow: boolean): number {
  if (types.length !== layers) throw unexpected('layer_types', types, `one for each of ${layers} layers`)
  const first = hasWindow ? types.indexOf('full_attention') : 0
  const every = first < 0 ? layers + 1 : first + 1
  const isAsTold = types.every(
    (type, i) => type === (isLastOf(i, every) ? 'full_attention' : 'sliding_attention'),
  )
  if (isAsTold) return every
  const sliding = 'sliding_attention, with full_attention in the last of every so many layers'
  throw unexpected('layer_types', types, hasWindow ? sliding : 'full_attention, as there is no window')
}
