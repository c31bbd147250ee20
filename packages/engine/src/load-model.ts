/** A model file becomes something that can run: header, tokenizer, checks, weights. */
import { EngineError } from '@foretoken/errors'
import { type Tokenizer, tokenizerFromGguf, vocabularyDifference } from '@foretoken/tokenizer'
import { GgufReader } from '@foretoken/weights'
import type { Gpu } from './gpu'
import type { MemoryRequest } from './memory-plan'
import { type ModelConfig, readModelConfig } from './model-config'
import { type ModelWeights, uploadWeights } from './model-weights'
import { contextLengthOf, type Settings } from './settings'
import type { EngineOptions, LoadProgress, ModelSource } from './types'
import { planWeights, type WeightLayout } from './weight-layout'

/** A file whose header has been read and understood, its weights still to come. */
export interface OpenModel {
  name: string
  /** Tells this file from others in the table of measured costs. */
  identity: string
  format: string
  reader: GgufReader
  /** Opens the file anew. */
  reopen: () => Promise<GgufReader>
  config: ModelConfig
  tokenizer: Tokenizer
  layout: WeightLayout
  /** Of the file, up to the end of its last tensor. */
  bytes: number
}

export interface LoadContext {
  signal: AbortSignal | undefined
  onProgress: ((progress: LoadProgress) => void) | undefined
}

/** The target and its draft, if there is one, which must draft for it. */
export async function openModels(
  { model, draft, signal, onProgress }: EngineOptions,
  maxBufferBytes: number,
): Promise<OpenModel[]> {
  const open = (source: ModelSource, file: 'model' | 'draft') =>
    openModel(source, file, { signal, onProgress }, maxBufferBytes)
  const target = await open(model, 'model')
  if (draft === undefined) return [target]
  try {
    const drafter = await open(draft, 'draft')
    // The target comes first; a connection that waits so long may be cut. The draft's is opened again in time.
    await drafter.reader.close()
    checkDraft(target, drafter)
    return [target, drafter]
  } catch (error) {
    await target.reader.close()
    throw error
  }
}

async function openModel(
  source: ModelSource,
  file: 'model' | 'draft',
  context: LoadContext,
  maxBufferBytes: number,
): Promise<OpenModel> {
  const { signal, onProgress } = context
  if (source === 'bundled') {
    throw new EngineError('bad-request', 'The engine takes files; the package resolves "bundled".', {
      argument: file,
    })
  }
  const reopen = (): Promise<GgufReader> =>
    GgufReader.open(source, {
      ...(signal ? { signal } : {}),
      onProgress: (loaded, total) => onProgress?.({ phase: 'download', loaded, total, file }),
    })
  const reader = await reopen()
  try {
    const last = reader.tensors.at(-1)
    if (!last)
      throw new EngineError('bad-model', 'The file holds no tensor.', { expected: 'at least 1', found: 0 })
    const config = readModelConfig(reader.metadata)
    const tokenizer = tokenizerFromGguf(reader.metadata)
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
    const layout = planWeights(config, reader.tensors, maxBufferBytes)
    const name = String(reader.metadata.get('general.name') ?? reader.name)
    const format = mainFormat(reader)
    const bytes = last.offset + last.bytes
    const identity = `${name}/${format}/${reader.tensors.length}/${bytes}`
    return { name, identity, format, reader, reopen, config, tokenizer, layout, bytes }
  } catch (error) {
    await reader.close()
    throw error
  }
}

/** What their buffers are planned from. */
export function memoryRequest(
  models: readonly OpenModel[],
  settings: Settings,
  maxBufferBytes: number,
  isSoftware: boolean,
): MemoryRequest {
  const contextLength = contextLengthOf(settings, models[0]!.config)
  return { ...settings, models, contextLength, maxBufferBytes, isSoftware }
}

/** The type that holds most of the model's values. */
function mainFormat(reader: GgufReader): string {
  const sizes = new Map<string, number>()
  for (const { type, rows, columns } of reader.tensors) {
    sizes.set(type, (sizes.get(type) ?? 0) + rows * columns)
  }
  return [...sizes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'none'
}

/** A draft must mean the same by every id. */
function checkDraft(target: OpenModel, draft: OpenModel): void {
  const difference = vocabularyDifference(target.tokenizer, draft.tokenizer)
  if (!difference) return
  const { reason, ...details } = difference
  throw new EngineError('bad-model', `"${draft.name}" cannot draft for "${target.name}": ${reason}.`, {
    reason,
    ...details,
    target: target.name,
    draft: draft.name,
  })
}

export async function upload(
  gpu: Gpu,
  model: OpenModel,
  signal: AbortSignal | undefined,
): Promise<ModelWeights> {
  if (model.reader.closed) model.reader = await model.reopen()
  return uploadWeights(gpu, model.reader, model.config, model.layout, signal)
}
