/** What loading would take, told from the headers alone. */
import { totalBytes } from './buffer-plan'
import { describeAdapter, Gpu, largestBinding } from './gpu'
import { memoryRequest, type OpenModels, openModels } from './load-model'
import { kvBytesPerPosition, largestContextThatFits, type MemoryRequest, planMemory } from './memory-plan'
import { readSettings, type Settings } from './settings'
import type { EngineOptions, Preflight } from './types'

/**
 * Reads the headers and lets go of the files. Throws what loading would throw for files that cannot be had, are broken or
 * not supported; what does not fit is no error here.
 */
export async function preflight(options: EngineOptions): Promise<Preflight> {
  const settings = readSettings(options)
  const adapter = await Gpu.adapter()
  return inspect(options, settings, largestBinding(adapter.limits), describeAdapter(adapter).isSoftware)
}

/** The same for a device that binds buffers of so many bytes. */
export async function inspect(
  options: EngineOptions,
  settings: Settings,
  maxBytes: number,
  isSoftware = false,
): Promise<Preflight> {
  const open = await openModels(options, maxBytes, false)
  try {
    return report(open, memoryRequest(open, settings, maxBytes, isSoftware))
  } finally {
    await Promise.all(open.models.map(({ reader }) => reader.close()))
  }
}

function report({ models, heads }: OpenModels, request: MemoryRequest): Preflight {
  const { plan, shortage } = planMemory(request)
  const [target, draft] = models.map(({ name, config, format, layout, vocabulary }) => ({
    name,
    architecture: config.architecture,
    format,
    parameters: layout.numParameters,
    vocabulary,
  }))
  const { vocabulary: _, ...facts } = target!
  return {
    ...facts,
    draft: draft ? { ...draft, vocabulary: draft.vocabulary! } : null,
    downloadBytes: models.reduce((sum, model) => sum + model.bytes, heads?.bytes ?? 0),
    gpuBytes: { ...plan.bytes, total: totalBytes(plan.bytes) },
    contextLength: request.contextLength,
    kvBytesPerPosition: kvBytesPerPosition(request),
    fits: shortage === undefined,
    ...(shortage ? { reason: shortage.message } : {}),
    largestContextThatFits: largestContextThatFits(request),
  }
}
