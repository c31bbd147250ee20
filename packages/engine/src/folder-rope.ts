/** RoPE as config.json has it, in the older style or the newer one, told as GGUF would. */
import type { JsonObject, MetadataValue } from '@foretoken/weights'
import { isPositive, numberOf, objectOf, unexpected } from './config-json'
import { ropeFreqsName } from './rope-table'

/** What GGUF says of it, and the tensors that it has for it: divisors of the frequencies, by name. */
export interface FolderRope {
  entries: Record<string, MetadataValue>
  factors: Record<string, Float32Array<ArrayBuffer>>
}

/** With the defaults of its model: `rope_local_base_freq` is there if layers with a window have a RoPE of their own. */
export function folderRope(config: JsonObject, headDim: number): FolderRope {
  const { rope, localBase } = ropeParameters(config)
  const dim = Math.floor(headDim * numberOf(rope, 'partial_rotary_factor', config.partial_rotary_factor ?? 1))
  const base = numberOf(rope, 'rope_theta', config.rope_theta ?? 10000)
  const type = rope.rope_type ?? rope.type ?? 'default'
  if (typeof type !== 'string' || !Object.hasOwn(scalings, type)) {
    throw unexpected('rope_scaling.rope_type', type, Object.keys(scalings))
  }
  const { entries, factors } = scalings[type]!({ rope, config, dim, base })
  return {
    // In f32, as GGUF has them: the same model has the same bits.
    entries: {
      'rope.dimension_count': dim,
      'rope.freq_base': Math.fround(base),
      ...(localBase === undefined ? {} : { 'rope.freq_base_swa': Math.fround(localBase) }),
      ...entries,
    },
    factors: factors ?? {},
  }
}

/** Newer files have an object for each type of layer where these differ. */
function ropeParameters(config: JsonObject): { rope: JsonObject; localBase?: number } {
  const all = objectOf(config.rope_parameters ?? config.rope_scaling)
  const { full_attention: global, sliding_attention: local } = all
  const rope = objectOf(global ?? all)
  if (config.rope_local_base_freq === undefined) {
    if (local === undefined) return { rope }
    throw unexpected('rope_parameters.sliding_attention', local, 'nothing: all layers have the same RoPE')
  }
  const { rope_type: type = 'default' } = objectOf(local)
  if (type !== 'default') throw unexpected('rope_parameters.sliding_attention.rope_type', type, 'default')
  return { rope, localBase: numberOf(objectOf(local), 'rope_theta', config.rope_local_base_freq) }
}

interface Scaled {
  rope: JsonObject
  config: JsonObject
  dim: number
  base: number
}

/** By "rope_type"; Phi-3's first files say "su" for "longrope". */
const scalings: Readonly<Record<string, (scaled: Scaled) => Partial<FolderRope>>> = {
  default: () => ({}),
  linear: ({ rope }) => ({
    entries: {
      'rope.scaling.type': 'linear',
      'rope.scaling.factor': Math.fround(numberOf(rope, 'factor')),
    },
  }),
  llama3: scaled => ({ factors: { [ropeFreqsName]: llama3Factors(scaled) } }),
  longrope: longRope,
  su: longRope,
}

/** As llama.cpp's converter writes them. Source: transformers, modeling_rope_utils (Llama 3.1). */
function llama3Factors(scaled: Scaled): Float32Array<ArrayBuffer> {
  const { rope, dim, base } = scaled
  if (!(Number.isInteger(dim / 2) && dim <= 512)) {
    throw unexpected('head_dim', dim, 'an even number up to 512')
  }
  const [factor, low, high] = [
    numberOf(rope, 'factor'),
    numberOf(rope, 'low_freq_factor'),
    numberOf(rope, 'high_freq_factor'),
  ]
  const context = originalContext(scaled)
  return Float32Array.from({ length: dim / 2 }, (_, i) => {
    const turns = context / (2 * Math.PI * base ** ((2 * i) / dim))
    const smooth = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

/** Its magnitude is by LongRoPE (2402.13753), of how far the context is stretched, where the file does not tell. */
function longRope(scaled: Scaled): Partial<FolderRope> {
  const { rope, config } = scaled
  const original = originalContext(scaled)
  const stretch = numberOf(rope, 'factor', numberOf(config, 'max_position_embeddings') / original)
  const magnitude = stretch > 1 ? Math.sqrt(1 + Math.log(stretch) / Math.log(original)) : 1
  return {
    entries: {
      'rope.scaling.original_context_length': original,
      'rope.scaling.attn_factor': Math.fround(numberOf(rope, 'attention_factor', magnitude)),
    },
    factors: {
      'rope_factors_long.weight': listedFactors(scaled, 'long_factor'),
      'rope_factors_short.weight': listedFactors(scaled, 'short_factor'),
    },
  }
}

function listedFactors({ rope, dim }: Scaled, key: string): Float32Array<ArrayBuffer> {
  const found = rope[key]
  if (Array.isArray(found) && found.length === dim / 2 && found.every(isPositive))
    return Float32Array.from(found)
  throw unexpected(`rope_scaling.${key}`, found, `${dim / 2} positive numbers`)
}

/** Positions that the model was trained on before they were stretched. */
function originalContext({ rope, config }: Scaled): number {
  const key = 'original_max_position_embeddings'
  return numberOf(config, key, rope[key] ?? config.max_position_embeddings)
}
