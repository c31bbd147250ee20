/**
 * Do models of full size load and run? Their files have real dimensions, types and vocabularies and random weights, and
 * are downloaded; where there is no server they are Blobs. What JavaScript holds meanwhile is what kills a tab: the weights
 * themselves are to be on the GPU alone.
 */
import { Engine, type EngineInternals } from '@foretoken/engine'
import type { BenchContext, BenchRow, Memory } from './bench-context'
import { type FullSizeName, fullSizeModels } from './full-size-model'

const MB = 1e6
const PROMPT = 'tea is on a seat'

export interface ModelsSettings {
  /** By what they are called. */
  files: Record<string, URL | Blob>
  maxTokens: number
  memory: Memory
  internals?: EngineInternals
}

export default function suite({ quick, memory, fullSize }: BenchContext): AsyncGenerator<BenchRow> {
  const names = Object.keys(fullSizeModels) as FullSizeName[]
  const chosen = quick ? names.slice(0, 1) : names
  const files = Object.fromEntries(chosen.map(name => [fullSizeModels[name].name, fullSize(name)]))
  return models({ files, maxTokens: 4, memory })
}

export async function* models(settings: ModelsSettings): AsyncGenerator<BenchRow> {
  const { files, maxTokens, memory, internals } = settings
  for (const [model, file] of Object.entries(files)) {
    const fileBytes = await sizeOf(file)
    await memory.watch()
    const begin = performance.now()
    const engine = await Engine.load({ model: file, store: false }, internals)
    const seconds = (performance.now() - begin) / 1000
    const { js, page } = await memory.peak()
    const { weights, kv, work } = engine.stats().gpuBytes
    await generate(engine, maxTokens)
    await engine.dispose()
    const conditions = { model, file_mb: fileBytes / MB, weights_mb: weights / MB, tokens: maxTokens }
    const row = (metric: string, value: number, unit: string): BenchRow => {
      return { name: 'load_model', metric, value, unit, ...conditions }
    }
    yield row('js_peak_mb', js / MB, 'MB')
    yield row('page_peak_mb', page / MB, 'MB')
    yield row('seconds', seconds, 's')
    yield row('gpu_mb', (weights + kv + work) / MB, 'MB')
  }
}

/** A server makes the file now. */
async function sizeOf(file: URL | Blob): Promise<number> {
  if (file instanceof Blob) return file.size
  const { headers } = await fetch(file, { method: 'HEAD' })
  return Number(headers.get('content-length'))
}

/** Throws where the model gives fewer. */
async function generate(engine: Engine, maxTokens: number): Promise<void> {
  let count = 0
  for await (const { tokens } of engine.generate({ prompt: PROMPT, maxTokens, ignoreEos: true })) {
    count += tokens.length
  }
  if (count !== maxTokens) throw new Error(`${count} tokens came of ${maxTokens}.`)
}
