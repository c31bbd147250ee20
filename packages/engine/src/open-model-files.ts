/** Opens the files of a model, whichever kind they are: metadata and tensors come as a GGUF file has them. */
import { EngineError, isEngineError } from '@foretoken/errors'
import { type Tokenizer, tokenizerFromGguf } from '@foretoken/tokenizer'
import {
  type Conversion,
  ConvertedReader,
  type EncodedType,
  type FileSource,
  FolderReader,
  GgufReader,
  locateModel,
  type Metadata,
  type ReadOptions,
  type RowGroup,
  type TensorInfo,
} from '@foretoken/weights'
import { architectures } from './architectures'
import { type FolderMetadata, folderMetadata } from './folder-metadata'
import type { FolderModel } from './folder-models'
import type { Quantization } from './types'

export interface OpenFiles {
  name: string
  metadata: Metadata
  /** Made when it is asked for: a file that is opened again needs it no more. */
  tokenizer: () => Tokenizer
  reader: ConvertedReader
}

/** Reads headers and texts; `quantize`: matrices in numbers become blocks while they are read. */
export async function openModelFiles(
  source: FileSource,
  quantize: Quantization | undefined,
  options: ReadOptions,
): Promise<OpenFiles> {
  const place = await locateModel(source, options)
  if ('folder' in place) {
    return openFolder(await FolderReader.open(place.folder, place.file, options), quantize)
  }
  const gguf = await GgufReader.ofFiles(place.files, options)
  const { name, metadata, tensors } = gguf
  const tied = !tensors.some(({ name }) => name === outputName)
  const reader = new ConvertedReader(gguf, ({ name }) => ({ name, type: typeOf(name, tied, quantize) }))
  return { name, metadata, tokenizer: () => tokenizerFromGguf(metadata), reader }
}

async function openFolder(folder: FolderReader, quantize: Quantization | undefined): Promise<OpenFiles> {
  try {
    const found = folderMetadata(folder.name, folder.texts)
    const { metadata, tokenizer, model } = found
    const tied = isTied(folder.tensors, found)
    const convert = ({ name }: TensorInfo): Conversion | undefined => {
      const to = ggufName(name, model)
      if (to === undefined || (to === outputName && tied)) return undefined
      const type = typeOf(to, tied, quantize)
      return { name: to, type, interleavedRows: interleavedRows(to, found), added: added(to, model) }
    }
    const reader = new ConvertedReader(folder, convert, madeTensors(found))
    return { name: folder.name, metadata, tokenizer, reader }
  } catch (error) {
    const isBadModel = isEngineError(error) && error.code === 'bad-model'
    await (isBadModel ? folder.discard() : folder.close())
    throw error
  }
}

const embeddingName = 'token_embd.weight'
const outputName = 'output.weight'

/** The logits come from the output matrix: at four bits they would be what suffers most. */
function typeOf(name: string, tied: boolean, quantize: Quantization | undefined): EncodedType | undefined {
  return name === (tied ? embeddingName : outputName) && quantize !== undefined ? 'q8_0' : quantize
}

/** Some files hold the output matrix though it is the embedding, and some do not say that it is. */
function isTied(tensors: readonly TensorInfo[], { tied, model }: FolderMetadata): boolean {
  const hasOutput = tensors.some(({ name }) => ggufName(name, model) === outputName)
  if (tied === false && !hasOutput) {
    const details = { tensor: 'lm_head.weight', expected: 'present', found: 'missing' }
    throw new EngineError(
      'bad-model',
      'Tensor "lm_head.weight" is missing; by config.json the embedding does not stand for it.',
      details,
    )
  }
  return tied ?? !hasOutput
}

const otherNames: Readonly<Record<string, string>> = {
  embed_tokens: 'token_embd',
  norm: 'output_norm',
  lm_head: 'output',
}

const layerNames: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  // Rows in GGUF's order: q, k, v, and the gate before what it lets through.
  'self_attn.qkv_proj': 'attn_qkv',
  'mlp.gate_up_proj': 'ffn_up',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}

/** GGUF's name of a tensor; undefined for what is computed anyway or another's, and an unknown one keeps its name, by which it is refused. */
function ggufName(name: string, model: FolderModel): string | undefined {
  if (name.endsWith('.rotary_emb.inv_freq') || model.part?.others.test(name)) return undefined
  const own = model.part ? name.replace(/^(model\.)?language_model\./, '') : name
  const [, layer, part, kind] = /^(?:model\.)?(?:layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(own) ?? []
  if (part === undefined) return name
  const to = layer === undefined ? otherNames[part] : { ...layerNames, ...model.layerNames }[part]
  if (to === undefined) return name
  return layer === undefined ? `${to}.${kind}` : `blk.${layer}.${to}.${kind}`
}

/** GGUF has the pairs of RoPE side by side where the architecture is not NeoX's; Hugging Face has them in halves always. */
function interleavedRows(name: string, { model, headDim }: FolderMetadata): number | undefined {
  return !architectures[model.architecture].neox && /\.attn_[qk]\.weight$/.test(name) ? headDim : undefined
}

/** GGUF has of every norm what vectors are multiplied by. */
const added = (name: string, { normOffset }: FolderModel): number | undefined =>
  name.endsWith('norm.weight') ? normOffset : undefined

const madeTensors = ({ ropeFactors }: FolderMetadata): RowGroup[] =>
  Object.entries(ropeFactors).map(([name, { length, byteLength, buffer }]) => {
    const place = { rows: 1, columns: length, offset: 0, bytes: byteLength }
    const tensor: TensorInfo = { name, type: 'f32', ...place }
    return { tensor, firstRow: 0, numRows: 1, data: new Uint8Array(buffer) }
  })
