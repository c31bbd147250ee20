/** What downloads have left in the browser's storage. */
import { EngineError } from '@foretoken/errors'
import { firstShard, folderOnHub, ModelStore, modelFiles, shardNames } from '@foretoken/weights'
import { bad } from './argument'
import type { ModelSource } from './types'

/** A model in the browser's storage, or the beginning of one; of a split model all its parts. */
export interface StoredModel {
  /** By which it is loaded and deleted. */
  url: string
  /** Of the file, in its repository. */
  name: string
  /** That are here. */
  bytes: number
  /** Of the whole, as far as servers have told. */
  totalBytes: number | undefined
  /** Whole and checked; loading it then needs no network. */
  complete: boolean
  /** When it was completed or last begun, in ms since 1970. */
  savedAt: number
}

export interface StorageUse {
  /** That models take. */
  bytes: number
  /** That the browser grants this origin for all that it stores, and what of that is taken; undefined where it does not tell. */
  quotaBytes: number | undefined
  usedBytes: number | undefined
  /** Whether the browser promised not to clear it by itself when the disk is full. */
  persisted: boolean
}

/** By name; the parts of a split model are one. */
export async function listModels(): Promise<StoredModel[]> {
  const models = new Map<string, StoredModel & { numParts: number }>()
  for (const { url, name, bytes, totalBytes, complete, savedAt } of await (await ModelStore.open()).list()) {
    const key = firstShard(url)
    const others = models.get(key)
    models.set(key, {
      url: key,
      name: firstShard(name),
      bytes: bytes + (others?.bytes ?? 0),
      totalBytes: totalBytes === undefined ? undefined : totalBytes + (others?.totalBytes ?? 0),
      complete: complete && (others?.complete ?? true),
      savedAt: Math.max(savedAt, others?.savedAt ?? 0),
      numParts: 1 + (others?.numParts ?? 0),
    })
  }
  return [...models.values()].map(whole).sort((a, b) => a.name.localeCompare(b.name))
}

/** A split model of which not every part has been begun is not complete, and how large it is nobody has told. */
function whole({ numParts, ...model }: StoredModel & { numParts: number }): StoredModel {
  return shardNames(model.name).length === numParts
    ? model
    : { ...model, complete: false, totalBytes: undefined }
}

export async function storageUse(): Promise<StorageUse> {
  const models = await listModels()
  const storage = globalThis.navigator?.storage as StorageManager | undefined
  const { quota, usage } = (await storage?.estimate?.().catch(() => undefined)) ?? {}
  return {
    bytes: models.reduce((sum, { bytes }) => sum + bytes, 0),
    quotaBytes: quota,
    usedBytes: usage,
    persisted: (await storage?.persisted?.().catch(() => false)) ?? false,
  }
}

/** Of a repository without a file, everything. Returns whether there was something. */
export async function deleteModel(source: ModelSource): Promise<boolean> {
  const store = await ModelStore.open()
  const isMeant = await matcher(source)
  const meant = (await store.list()).filter(({ url }) => isMeant(url))
  for (const { url } of meant) {
    await store.delete(url).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError('download', `${url} cannot be deleted: ${reason}`, { url, reason }, error)
    })
  }
  return meant.length > 0
}

async function matcher(source: ModelSource): Promise<(url: string) => boolean> {
  const isRemote = typeof source === 'string' || source instanceof URL || 'repo' in source
  if (!isRemote || source === 'bundled') {
    throw bad('model', source, 'an address, a URL or { repo, file, revision }: nothing else is stored')
  }
  if (typeof source === 'object' && 'repo' in source && source.file === undefined) {
    const folder = folderOnHub(source)
    return url => url.startsWith(folder)
  }
  const files = await modelFiles(source, '.gguf')
  const urls = new Set(files.flatMap(file => ('url' in file ? [file.url] : [])))
  return url => urls.has(url)
}
