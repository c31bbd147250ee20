// Dimensions of models that people run, for benches that need no trained weights; the command line reads the names.
// Qwen2.5 has biases, and Llama 3 scales RoPE: neither changes what a step costs, so all are taken as plain Llama.

/** Source: each model's config.json. */
export const modelShapes = {
  'qwen2.5-0.5b': { vocab: 151_936, dim: 896, layers: 24, heads: 14, kvHeads: 2, ffn: 4864, tied: true },
  'qwen2.5-1.5b': { vocab: 151_936, dim: 1536, layers: 28, heads: 12, kvHeads: 2, ffn: 8960, tied: true },
  'llama-3.2-1b': { vocab: 128_256, dim: 2048, layers: 16, heads: 32, kvHeads: 8, ffn: 8192, tied: true },
  'llama-3.1-8b': { vocab: 128_256, dim: 4096, layers: 32, heads: 32, kvHeads: 8, ffn: 14_336, tied: false },
}

export const modelFormats = ['f16', 'q8_0', 'q4_0']
