/** The page's side of the tests of model sources and their storage, through the package's public entry. */
import {
  createEngine,
  type Engine,
  type EngineOptions,
  isEngineError,
  type LoadProgress,
  models,
  preflight,
} from 'foretoken'

export interface Loaded {
  /** Of a greedy answer. */
  ids: number[]
  /** Bytes of the model that came over the network. */
  fetched: number
  /** Bytes of the model that were read. */
  loaded: number
  total: number | undefined
  warnings: string[]
}

export interface Failure {
  code: string
  message: string
  details: Record<string, unknown>
}

class HubHarness {
  #abort = new AbortController()
  /** Of the load under way. */
  loadedBytes = 0
  readonly models = models
  readonly preflight = preflight

  /** Loads, answers and lets go. */
  async load(model: EngineOptions['model'], options: Partial<EngineOptions> = {}): Promise<Loaded> {
    const downloads: LoadProgress[] = []
    this.#abort = new AbortController()
    this.loadedBytes = 0
    const onProgress = (progress: LoadProgress) => {
      if (progress.phase !== 'download' || progress.file !== 'model') return
      downloads.push(progress)
      this.loadedBytes = progress.loaded
    }
    const engine = await createEngine({ ...options, model, onProgress, signal: this.#abort.signal })
    const ids = await idsOf(engine)
    await engine.dispose()
    const { fetched = 0, loaded, total } = downloads.at(-1)!
    const warnings = [...new Set(downloads.flatMap(({ warning }) => warning ?? []))]
    return { ids, fetched, loaded, total, warnings }
  }

  async failure(model: EngineOptions['model'], options: Partial<EngineOptions> = {}): Promise<Failure> {
    const error: unknown = await this.load(model, options).catch((reason: unknown) => reason)
    if (!isEngineError(error)) throw new Error('the load should fail with an EngineError')
    const { code, message, details } = error
    return { code, message, details }
  }

  abort(): void {
    this.#abort.abort()
  }

  /** A directory of the page's own, as a user's would be picked. */
  async directoryWith(files: Record<string, Uint8Array<ArrayBuffer>>): Promise<FileSystemDirectoryHandle> {
    const root = await navigator.storage.getDirectory()
    await root.removeEntry('picked', { recursive: true }).catch(() => undefined)
    const directory = await root.getDirectoryHandle('picked', { create: true })
    for (const [name, bytes] of Object.entries(files)) {
      const writable = await (await directory.getFileHandle(name, { create: true })).createWritable()
      await writable.write(bytes)
      await writable.close()
    }
    return directory
  }
}

async function idsOf(engine: Engine): Promise<number[]> {
  const ids: number[] = []
  const request = { prompt: 'Once upon a time', maxTokens: 6, ignoreEos: true, speculation: 'off' } as const
  for await (const { tokens } of engine.generate(request)) ids.push(...tokens)
  return ids
}

declare global {
  var hubHarness: HubHarness
}

globalThis.hubHarness = new HubHarness()
