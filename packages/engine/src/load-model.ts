/** A model file becomes something that can run: header, tokenizer, checks, weights. */
import { EngineError, isEngineError } from '@foretoken/errors'
import { DRAFT_MODELS, type DraftModel } from '@foretoken/scheduler'
import { pairVocabularies, type Tokenizer } from '@foretoken/tokenizer'
import {
  type ConvertedReader,
  isDamaged,
  ModelStore,
  type ReadOptions,
  SafetensorsReader,
} from '@foretoken/weights'
import type { Gpu } from './gpu'
import { headName, layOutHeads, type PlannedHeads } from './heads'
import type { MemoryRequest } from './memory-plan'
import { type ModelConfig, readModelConfig } from './model-config'
import { type ModelWeights, uploadTensors, uploadWeights } from './model-weights'
import { openModelFiles } from './open-model-files'
import { contextLengthOf, type Settings } from './settings'
import { unstack } from './stacked-tensors'
import type { DraftVocabulary, EngineOptions, LoadProgress, ModelSource } from './types'
import { type Matrix, planWeights, type WeightLayout } from './weight-layout'

/** A model whose headers have been read and understood, its weights still to come. */
export interface OpenModel {
  name: string
  /** Tells this file from others in the table of measured costs. */
  identity: string
  format: string
  reader: ConvertedReader
  /** Opens the file anew. */
  reopen: () => Promise<ConvertedReader>
  config: ModelConfig
  tokenizer: Tokenizer
  layout: WeightLayout
  /** Of its files, up to the end of the last tensor. */
  bytes: number
  /** Of a draft: how its vocabulary goes with the target's, and the target's ids as its own where they are others. */
  vocabulary?: DraftVocabulary
  twins?: Uint32Array<ArrayBuffer> | undefined
}

/** A file of Medusa heads whose header has been read, its weights still to come. */
export interface OpenHeads {
  identity: string
  numHeads: number
  layout: WeightLayout
  /** Opens the file anew. */
  reopen: () => Promise<SafetensorsReader>
  bytes: number
}

export interface LoadContext {
  signal: AbortSignal | undefined
  onProgress: ((progress: LoadProgress) => void) | undefined
}

/** How files are opened for a load. */
interface FileContext extends LoadContext {
  store: ModelStore | undefined
  keep: boolean
  quantize: EngineOptions['quantize']
  maxBufferBytes: number
}

export interface OpenModels {
  /** The target, then its drafts. */
  models: OpenModel[]
  heads: OpenHeads | undefined
}

/**
 * The target and whatever is to draft for it, each of which must be able to. `keep`: whether what is downloaded may be
 * stored; what is stored is used in any case.
 */
export async function openModels(
  { model, draft, heads, store, quantize, signal, onProgress }: EngineOptions,
  maxBufferBytes: number,
  keep = true,
): Promise<OpenModels> {
  const files = store === false ? undefined : await ModelStore.open()
  const context: FileContext = { signal, onProgress, store: files, keep, quantize, maxBufferBytes }
  const target = await openModel(model, 'model', context)
  try {
    const models = [target]
    const sources = draft === undefined ? [] : [draft].flat()
    for (const [i, source] of sources.entries()) {
      const drafter = await openModel(source, DRAFT_MODELS[i]!, context)
      // The target comes first; a connection that waits so long may be cut. The draft's is opened again in time.
      await drafter.reader.close()
      models.push({ ...drafter, ...pairWith(target, drafter) })
    }
    if (heads === undefined) return { models, heads: undefined }
    return { models, heads: await openHeads(heads, target.config.dim, context) }
  } catch (error) {
    await target.reader.close()
    throw error
  }
}

function requireFile(
  source: ModelSource,
  argument: string,
): asserts source is Exclude<ModelSource, 'bundled'> {
  if (source !== 'bundled') return
  throw new EngineError('bad-request', 'The engine takes files; the package resolves "bundled".', {
    argument,
  })
}

function readOptions({ signal, onProgress, store, keep }: FileContext, file: string): ReadOptions {
  const tell: ReadOptions['onProgress'] = progress => onProgress?.({ phase: 'download', file, ...progress })
  return { signal, store, keep, onProgress: tell }
}

type AnyReader = ConvertedReader | SafetensorsReader

/** Buffers are planned for the tensors of the first header: one that came meanwhile does not fit them. */
async function reopened<Reader extends AnyReader>(
  file: string,
  first: Reader,
  again: Reader,
): Promise<Reader> {
  if (JSON.stringify(again.tensors) === JSON.stringify(first.tensors)) return again
  await again.discard()
  throw new EngineError('download', `${file} changed while it was loaded.`, { file })
}

async function openModel(
  source: ModelSource,
  file: 'model' | DraftModel,
  context: FileContext,
): Promise<OpenModel> {
  requireFile(source, file)
  const open = () => readTwice(() => openModelFiles(source, context.quantize, readOptions(context, file)))
  const { name: fileName, metadata, tokenizer: makeTokenizer, reader } = await open()
  try {
    if (reader.tensors.length === 0)
      throw new EngineError('bad-model', 'The file holds no tensor.', { expected: 'at least 1', found: 0 })
    const config = readModelConfig(metadata)
    const tokenizer = makeTokenizer()
    if (tokenizer.vocabSize !== config.vocab) {
      throw new EngineError(
        'bad-model',
        `The tokenizer has ${tokenizer.vocabSize} entries, the model ${config.vocab}.`,
        {
          expected: config.vocab,
          found: tokenizer.vocabSize,
        },
      )
    }
    const layout = planWeights(config, unstack(config, reader.tensors), context.maxBufferBytes)
    const name = String(metadata.get('general.name') ?? fileName)
    const format = mainFormat(reader)
    const { bytes } = reader
    const identity = `${name}/${format}/${reader.tensors.length}/${bytes}`
    const reopen = async () => reopened(fileName, reader, (await open()).reader)
    return { name, identity, format, reader, reopen, config, tokenizer, layout, bytes }
  } catch (error) {
    const isBadModel = isEngineError(error) && error.code === 'bad-model'
    await (isBadModel ? reader.discard() : reader.close())
    throw error
  }
}

async function openHeads(source: ModelSource, dim: number, context: FileContext): Promise<OpenHeads> {
  requireFile(source, 'heads')
  const open = () => readTwice(() => SafetensorsReader.open(source, readOptions(context, 'heads')))
  const reader = await open()
  // As with drafts, the weights come later.
  await reader.close()
  const { numHeads, ...layout } = layOutHeads(reader.tensors, dim, context.maxBufferBytes)
  const { bytes } = reader
  const reopen = async () => reopened(reader.name, reader, await open())
  return { identity: `${reader.name}/${bytes}`, numHeads, layout, reopen, bytes }
}

/** What their buffers are planned from. */
export function memoryRequest(
  { models, heads }: OpenModels,
  settings: Settings,
  maxBufferBytes: number,
  isSoftware: boolean,
): MemoryRequest {
  const contextLength = contextLengthOf(settings, models[0]!.config)
  const { ngramCache: _, grammars, ...sizes } = settings
  const others = { models, heads, contextLength, maxBufferBytes, isSoftware }
  return { ...sizes, ...others, grammars: grammars !== undefined }
}

/** The type that holds most of the model's values. */
function mainFormat(reader: ConvertedReader): string {
  const sizes = new Map<string, number>()
  for (const { type, rows, columns } of reader.tensors) {
    sizes.set(type, (sizes.get(type) ?? 0) + rows * columns)
  }
  return [...sizes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'none'
}

/** Of the smaller vocabulary, that both must have: a draft that can guess less is hardly ever right. */
const MIN_SHARE = 0.25

/** A draft may mean others by its ids, as long as enough tokens are common to both. */
function pairWith(target: OpenModel, draft: OpenModel): Pick<OpenModel, 'vocabulary' | 'twins'> {
  const { twins, numCommon, share, difference } = pairVocabularies(target.tokenizer, draft.tokenizer)
  if (share >= MIN_SHARE)
    return { twins, vocabulary: { sameIds: !difference, commonTokens: numCommon, share } }
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`
  const common = `they have ${numCommon} tokens in common, ${percent(share)} of the smaller vocabulary`
  throw new EngineError(
    'bad-model',
    `"${draft.name}" cannot draft for "${target.name}": ${common}; ${percent(MIN_SHARE)} are needed.`,
    {
      ...difference,
      commonTokens: numCommon,
      share,
      neededShare: MIN_SHARE,
      target: target.name,
      draft: draft.name,
    },
  )
}

export async function upload(
  gpu: Gpu,
  model: OpenModel,
  signal: AbortSignal | undefined,
): Promise<ModelWeights> {
  return readTwice(async () => {
    if (model.reader.closed) model.reader = await model.reopen()
    return uploadWeights(gpu, model.reader, model.config, model.layout, signal)
  })
}

/** Bytes that prove wrong are fetched anew, once; the store has forgotten them, and buffers are written over. */
async function readTwice<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!isDamaged(error)) throw error
    return read()
  }
}

/** The matrices of the heads, in their order, and the buffers that they work in. */
export async function uploadHeads(
  gpu: Gpu,
  { numHeads, layout, reopen }: OpenHeads,
  planned: PlannedHeads,
  signal: AbortSignal | undefined,
): Promise<{ matrices: Matrix[]; planned: PlannedHeads }> {
  const { matrices } = await readTwice(async () => uploadTensors(gpu, await reopen(), layout, signal))
  return { matrices: Array.from({ length: numHeads }, (_, i) => matrices.get(headName(i))!), planned }
}
