/** What a GGUF file would say of a tokenizer.json of GPT-2's kind: byte-level BPE. */
export interface Gpt2TokenizerJson {
  added_tokens: ReadonlyArray<{ id: number; content: string }>
  model: { vocab: Readonly<Record<string, number>>; merges: readonly string[] }
}

/** For `tokenizerFromGguf`. */
export function gpt2Metadata({ added_tokens, model }: Gpt2TokenizerJson): Map<string, unknown> {
  const tokens: string[] = []
  const kinds: number[] = []
  for (const [token, id] of Object.entries(model.vocab)) {
    tokens[id] = token
    kinds[id] = 1
  }
  for (const { id, content } of added_tokens) {
    tokens[id] = content
    kinds[id] = 3
  }
  return new Map<string, unknown>([
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'gpt-2'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', kinds],
    ['tokenizer.ggml.merges', model.merges],
    ['tokenizer.ggml.bos_token_id', 50256],
    ['tokenizer.ggml.eos_token_id', 50256],
  ])
}
