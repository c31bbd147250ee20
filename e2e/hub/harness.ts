/** The page's side of the tests of model sources and their storage, through the package's public entry. */

import { ModelStore } from '@foretoken/weights'
import {
  createEngine,
  type Engine,
  type EngineOptions,
  isEngineError,
  type LoadProgress,
  models,
  preflight,
} from 'foretoken'
import { tellWorkers } from './tell-workers'

export interface Read {
  /** Bytes of the model that came over the network. */
  fetched: number
  /** Bytes of the model that were read. */
  loaded: number
  total: number | undefined
  warnings: string[]
}

export interface Loaded extends Read {
  /** Of a greedy answer. */
  ids: number[]
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
  readonly tellWorkers = tellWorkers

  /** Loads, answers and lets go. */
  async load(model: EngineOptions['model'], options: Partial<EngineOptions> = {}): Promise<Loaded> {
    const downloads: LoadProgress[] = []
    const engine = await this.#open(model, options, progress => downloads.push(progress))
    const ids = await idsOf(engine)
    await engine.dispose()
    return { ids, ...summary(downloads) }
  }

  /** A load that ends as soon as the weights are on the GPU: what follows takes longest and has nothing to do with files. */
  async read(model: EngineOptions['model'], options: Partial<EngineOptions> = {}): Promise<Read> {
    const downloads: LoadProgress[] = []
    let isRead = false
    const onProgress = (progress: LoadProgress) => {
      downloads.push(progress)
      isRead ||= progress.phase === 'compile'
      if (isRead) this.abort()
    }
    await this.#open(model, options, onProgress).catch((error: unknown) => {
      if (!isRead) throw error
    })
    return summary(downloads)
  }

  async failure(model: EngineOptions['model'], options: Partial<EngineOptions> = {}): Promise<Failure> {
    const error: unknown = await this.read(model, options).catch((reason: unknown) => reason)
    if (!isEngineError(error)) throw new Error('the load should fail with an EngineError')
    const { code, message, details } = error
    return { code, message, details }
  }

  /** The SHA-256 of each file that is stored whole, in hexadecimal, by its name. */
  async stored(): Promise<Record<string, string>> {
    const store = await ModelStore.open()
    const hashes: Record<string, string> = {}
    for (const { name, url } of await store.list()) {
      const bytes = await (await store.find(url))?.arrayBuffer()
      if (bytes) hashes[name] = hexOf(await crypto.subtle.digest('SHA-256', bytes))
    }
    return hashes
  }

  #open(
    model: EngineOptions['model'],
    options: Partial<EngineOptions>,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<Engine> {
    this.#abort = new AbortController()
    this.loadedBytes = 0
    const { signal } = this.#abort
    const tell = (progress: LoadProgress) => {
      if (progress.phase === 'download') this.loadedBytes = progress.loaded
      onProgress(progress)
    }
    return createEngine({ ...options, model, onProgress: tell, signal })
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

const hexOf = (buffer: ArrayBuffer): string =>
  Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0')).join('')

function summary(progress: readonly LoadProgress[]): Read {
  const downloads = progress.filter(({ phase, file }) => phase === 'download' && file === 'model')
  const { fetched = 0, loaded, total } = downloads.at(-1)!
  return { fetched, loaded, total, warnings: [...new Set(downloads.flatMap(({ warning }) => warning ?? []))] }
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
