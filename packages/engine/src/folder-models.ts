/** The models of Hugging Face folders that run: what their files mean, where GGUF has it otherwise or does not ask. */
import { EngineError } from '@foretoken/errors'
import type { JsonObject } from '@foretoken/weights'
import type { ArchitectureName } from './architectures'

export interface FolderModel {
  architecture: ArchitectureName
  /** Keys that change the layer loop, with the one value that they may have. */
  fixed: JsonObject
  /** What a config.json means that leaves a key out. Source: transformers, configuration_*.py. */
  defaults?: JsonObject
  /** GGUF's names of a layer's tensors that are not `layerNames`. */
  layerNames?: Readonly<Record<string, string>>
  /** Norms are multiplied by so much more than their weights. */
  normOffset?: number
  /** The text's model is one of several: what config.json calls it, and tensors that are another's. */
  part?: { key: string; others: RegExp }
}

const silu = { hidden_act: 'silu' }
const noWindow = { use_sliding_window: false }
const qwen = { fixed: silu, defaults: { ...noWindow, sliding_window: 4096, max_window_layers: 28 } }

const gemma = {
  fixed: { hidden_activation: 'gelu_pytorch_tanh', use_bidirectional_attention: false },
  layerNames: {
    post_attention_layernorm: 'post_attention_norm',
    pre_feedforward_layernorm: 'ffn_norm',
    post_feedforward_layernorm: 'post_ffw_norm',
  },
  normOffset: 1,
}
const gemmaDefaults = {
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  query_pre_attn_scalar: 256,
  tie_word_embeddings: true,
  rms_norm_eps: 1e-6,
  sliding_window: 4096,
}
const gemma3 = {
  ...gemma,
  architecture: 'gemma3',
  defaults: {
    ...gemmaDefaults,
    vocab_size: 262_208,
    max_position_embeddings: 131_072,
    sliding_window_pattern: 6,
    rope_theta: 1_000_000,
    rope_local_base_freq: 10_000,
  },
} as const

/** By "model_type" of config.json. */
const folderModels: Readonly<Record<string, FolderModel>> = {
  llama: { architecture: 'llama', fixed: silu, defaults: noWindow },
  mistral: { architecture: 'llama', fixed: silu, defaults: { sliding_window: 4096 } },
  qwen2: { architecture: 'qwen2', ...qwen },
  qwen3: { architecture: 'qwen3', ...qwen },
  smollm3: { architecture: 'smollm3', fixed: { ...silu, ...noWindow }, defaults: noWindow },
  phi3: { architecture: 'phi3', fixed: silu, defaults: { original_max_position_embeddings: 4096 } },
  gemma2: {
    ...gemma,
    architecture: 'gemma2',
    defaults: {
      ...gemmaDefaults,
      vocab_size: 256_000,
      max_position_embeddings: 8192,
      sliding_window_pattern: 2,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
    },
  },
  gemma3_text: gemma3,
  gemma3: {
    ...gemma3,
    part: { key: 'text_config', others: /^(model\.)?(vision_tower|multi_modal_projector)\./ },
  },
}

export function folderModelOf({ model_type: found }: JsonObject): FolderModel {
  const supported = Object.keys(folderModels)
  if (typeof found === 'string' && Object.hasOwn(folderModels, found)) return folderModels[found]!
  const name = typeof found === 'string' ? found : JSON.stringify(found)
  const message = `Architecture "${name}" is not supported. Supported: ${supported.join(', ')}.`
  const details = { key: 'model_type', found: found ?? null, expected: supported }
  throw new EngineError('bad-model', message, details)
}
