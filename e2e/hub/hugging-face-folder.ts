/** A GGUF file of the architecture llama as the files of a Hugging Face folder, the same weights in shards by an index. */
import type { WrittenTensor } from '@foretoken/weights'
import { takeApart } from '../bad-input/odd-model'

type Bytes = Uint8Array<ArrayBuffer>

const layerNames: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
}
const types: Partial<Record<WrittenTensor['type'], string>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' }

/** By name. `texts`: config.json and the others, which stay as they are. */
export async function huggingFaceFolder(
  gguf: Bytes,
  texts: Readonly<Record<string, Bytes>>,
  numShards: number,
): Promise<Record<string, Bytes>> {
  const { metadata, tensors } = await takeApart(gguf)
  const headDim =
    Number(metadata.get('llama.embedding_length')) / Number(metadata.get('llama.attention.head_count'))
  const perShard = Math.ceil(tensors.length / numShards)
  const weightMap: Record<string, string> = {}
  const files: Record<string, Bytes> = { ...texts }
  for (let i = 0; i < numShards; i++) {
    const own = tensors.slice(i * perShard, (i + 1) * perShard).map(tensor => renamed(tensor, headDim))
    const file = `model-0000${i + 1}-of-0000${numShards}.safetensors`
    for (const { name } of own) weightMap[name] = file
    files[file] = safetensors(own)
  }
  files['model.safetensors.index.json'] = new TextEncoder().encode(JSON.stringify({ weight_map: weightMap }))
  return files
}

function renamed(tensor: WrittenTensor, headDim: number): WrittenTensor {
  const [, layer, part] = /^(?:blk\.(\d+)\.)?(\w+)\.weight$/.exec(tensor.name)!
  if (part === 'token_embd') return { ...tensor, name: 'model.embed_tokens.weight' }
  if (part === 'output_norm') return { ...tensor, name: 'model.norm.weight' }
  const name = `model.layers.${layer}.${layerNames[part!]}.weight`
  const isPaired = part === 'attn_q' || part === 'attn_k'
  return { ...tensor, name, data: isPaired ? inHalves(tensor, headDim) : tensor.data }
}

/** Rows 0, 2, .., 1, 3, .. of every head: GGUF has the pairs of RoPE side by side, Hugging Face in halves. */
function inHalves({ data, dims }: WrittenTensor, headDim: number): Uint8Array {
  const rows = Number(dims[1])
  const rowBytes = data.length / rows
  const out = new Uint8Array(data.length)
  for (let row = 0; row < rows; row++) {
    const inHead = row % headDim
    const to = row - inHead + (inHead >> 1) + (inHead & 1) * (headDim / 2)
    out.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes)
  }
  return out
}

function safetensors(tensors: readonly WrittenTensor[]): Bytes {
  let end = 0
  const entries = tensors.map(({ name, type, dims, data }) => {
    const start = end
    end += data.length
    return [name, { dtype: types[type], shape: [...dims].reverse(), data_offsets: [start, end] }]
  })
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const bytes = new Uint8Array(8 + header.length + end)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true)
  bytes.set(header, 8)
  let at = 8 + header.length
  for (const { data } of tensors) {
    bytes.set(data, at)
    at += data.length
  }
  return bytes
}
