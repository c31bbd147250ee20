/** What downloads have left in the browser's storage. */
import { EngineError } from '@foretoken/errors'
import {
  firstShard,
  folderOnHub,
  ModelStore,
  modelFiles,
  repositoryOf,
  type StoredFile,
  shardNames,
} from '@foretoken/weights'
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

/** By name; the parts of a split model are one, and so are the files of a folder. */
export async function listModels(): Promise<StoredModel[]> {
  const files = await (await ModelStore.open()).list()
  const groupOf = groupsOf(files)
  const groups = new Map<string, StoredFile[]>()
  for (const file of files) groups.set(groupOf(file), [...(groups.get(groupOf(file)) ?? []), file])
  return [...groups].map(([url, parts]) => modelOf(url, parts)).sort((a, b) => a.name.localeCompare(b.name))
}

/** By which address a stored file's model goes: that of its first part, or of the folder that config.json lies in. */
function groupsOf(files: readonly { url: string }[]): (file: { url: string }) => string {
  const urls = new Set(files.map(({ url }) => url))
  return ({ url }) => {
    const [, folder, name, rest] = /^([^?#]*\/)([^?#]*)(.*)$/.exec(url)!
    const isOfFolder = !/\.gguf$/i.test(name!) && urls.has(`${folder}config.json${rest}`)
    return isOfFolder ? folder! + rest! : firstShard(url)
  }
}

/** A model of which not every file of tensors has been begun is not complete, and how large it is nobody has told. */
function modelOf(url: string, files: readonly StoredFile[]): StoredModel {
  const weights = files.filter(({ name }) => /\.(gguf|safetensors)$/i.test(name))
  const name = weights[0]?.name ?? files[0]!.name
  const isBegun = weights.length >= shardNames(name).length
  const sum = (sizes: number[]) => sizes.reduce((sum, size) => sum + size, 0)
  const totals = files.map(({ totalBytes }) => totalBytes)
  return {
    url,
    name: url.split(/[?#]/)[0]!.endsWith('/') ? folderName(url) : firstShard(name),
    bytes: sum(files.map(({ bytes }) => bytes)),
    totalBytes: isBegun && totals.every(total => total !== undefined) ? sum(totals) : undefined,
    complete: isBegun && files.every(({ complete }) => complete),
    savedAt: Math.max(...files.map(({ savedAt }) => savedAt)),
  }
}

/** On a hub the repository's, elsewhere its own. */
function folderName(url: string): string {
  const [path] = url.split(/[?#]/)
  const [, repo, inside] = /([^/]+\/[^/]+)\/resolve\/[^/]+\/(.*)$/.exec(path!) ?? []
  return decodeURIComponent(
    repo === undefined ? path!.split('/').at(-2)! : `${repo}/${inside}`.replace(/\/$/, ''),
  )
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

/** Of a repository without a file, everything; of a folder all its files. Returns whether there was something. */
export async function deleteModel(source: ModelSource): Promise<boolean> {
  const store = await ModelStore.open()
  const files = await store.list()
  const isMeant = await matcher(source, groupsOf(files))
  const meant = files.filter(({ url }) => isMeant(url))
  for (const { url } of meant) {
    await store.delete(url).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError('download', `${url} cannot be deleted: ${reason}`, { url, reason }, error)
    })
  }
  return meant.length > 0
}

async function matcher(
  source: ModelSource,
  groupOf: (file: { url: string }) => string,
): Promise<(url: string) => boolean> {
  const isRemote = typeof source === 'string' || source instanceof URL || 'repo' in source
  if (!isRemote || source === 'bundled') {
    throw bad('model', source, 'an address, a URL or { repo, file, revision }: nothing else is stored')
  }
  const repo = repositoryOf(source)
  if (repo) {
    const folder = folderOnHub(repo)
    return url => url.startsWith(folder)
  }
  const files = await modelFiles(source, '.gguf')
  const groups = new Set(files.flatMap(file => ('url' in file ? [groupOf(file)] : [])))
  return url => groups.has(groupOf({ url }))
}
