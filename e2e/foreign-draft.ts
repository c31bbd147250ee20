/** A model file with its vocabulary changed: what the same model would be in another family. For tests of drafts. */
import type { MetadataValue, WrittenTensor } from '@foretoken/weights'
import { type ModelParts, rewritten } from './bad-input/odd-model'

type Bytes = Uint8Array<ArrayBuffer>

const lists = ['tokens', 'scores', 'token_type'].map(name => `tokenizer.ggml.${name}`)
const roles = ['bos', 'eos', 'unknown', 'eot', 'eom', 'padding'].map(
  name => `tokenizer.ggml.${name}_token_id`,
)

/** A SentencePiece model in f32 whose token i is what token order[i] was. */
export function reordered(parts: ModelParts, order: readonly number[]): Bytes {
  const listed = lists.map(key => [key, order.map(id => list(parts, key)[id]!)] as const)
  const named = roles.flatMap(key => {
    const id = parts.metadata.get(key)
    return typeof id === 'number' ? [[key, order.indexOf(id)] as const] : []
  })
  return withRows(parts, order, Object.fromEntries([...listed, ...named]))
}

/** The same tokens, and behind them rows of the embedding that stand for nothing. */
export function filledUp(parts: ModelParts, numRows: number): Bytes {
  const tokens = list(parts, lists[0]!)
  const fill = (key: string, value: (id: number) => MetadataValue) => [
    ...list(parts, key),
    ...Array.from({ length: numRows - tokens.length }, (_, i) => value(tokens.length + i)),
  ]
  const [texts, scores, kinds] = lists as [string, string, string]
  const metadata = {
    [texts]: fill(texts, id => `[PAD${id}]`),
    [scores]: fill(scores, () => -1e6),
    [kinds]: fill(kinds, () => 5),
  }
  // Such rows are anything; these would be drawn if they could.
  return withRows(
    parts,
    Array.from({ length: numRows }, (_, id) => (id < tokens.length ? id : 300)),
    metadata,
  )
}

const list = ({ metadata }: ModelParts, key: string) => metadata.get(key) as MetadataValue[]

function withRows(
  parts: ModelParts,
  order: readonly number[],
  metadata: Record<string, MetadataValue>,
): Bytes {
  const tensors = parts.tensors.map((tensor): WrittenTensor => {
    if (!/^(token_embd|output)\.weight$/.test(tensor.name)) return tensor
    const [columns, rows] = tensor.dims as [number, number]
    const rowBytes = tensor.data.length / rows
    const data = new Uint8Array(order.length * rowBytes)
    order.forEach((id, i) => {
      data.set(tensor.data.subarray(id * rowBytes, (id + 1) * rowBytes), i * rowBytes)
    })
    return { ...tensor, dims: [columns, order.length], data }
  })
  const [architecture] = [parts.metadata.get('general.architecture')]
  return rewritten(parts, {
    metadata: { ...metadata, [`${architecture}.vocab_size`]: order.length },
    tensors,
  })
}
