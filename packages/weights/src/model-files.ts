/** A source becomes the files that it names: a GGUF file, all parts of a split one in order, or a folder of safetensors. */
import { throwIfAborted } from '@foretoken/errors'
import { chooseFile, type FileKind } from './choose-file'
import { type FileFacts, factsOf, hubFileOf, hubHeaders, hubRepoOf, hubUrl } from './hub-repo'
import {
  fileOfBlob,
  fileOfHandle,
  folderAt,
  type ModelFolder,
  openFolder,
  remoteFile,
  subfolder,
} from './model-folder'
import type { FileSource, HubModel } from './model-source'
import type { ModelStore } from './model-store'
import type { Request } from './server-answer'
import { shardNames } from './shard-names'

export interface RemoteModelFile extends Request {
  name: string
  /** Whether it may be stored. */
  isKeepable: boolean
  /** What can be known before it is fetched; asked for only then. */
  facts(signal?: AbortSignal): Promise<FileFacts>
}

export type ModelFile = RemoteModelFile | { name: string; blob: Blob }

export interface LocateOptions {
  signal?: AbortSignal | undefined
  store?: ModelStore | undefined
}

/** Throws `download`, `bad-model` where a folder does not tell which file is meant, and `aborted`. */
export async function modelFiles(
  source: FileSource,
  kind: FileKind,
  options: LocateOptions = {},
): Promise<ModelFile[]> {
  throwIfAborted(options.signal, 'download')
  return (await filesNamed(source)) ?? chosenOf(await folderOf(source, options), kind)
}

/** Files in GGUF, or the Hugging Face folder that a model lies in; `file` is the one that was named of it. */
export type ModelPlace = { files: ModelFile[] } | { folder: ModelFolder; file?: string }

/** A folder that holds GGUF files is known by these. Throws as `modelFiles` does. */
export async function locateModel(source: FileSource, options: LocateOptions = {}): Promise<ModelPlace> {
  throwIfAborted(options.signal, 'download')
  const named = await folderNamed(source, options)
  if (named) return named
  const files = await filesNamed(source)
  if (files) return { files }
  const folder = await folderOf(source, options)
  const holds = (kind: FileKind) => folder.names!.some(name => name.toLowerCase().endsWith(kind))
  return holds('.gguf') || !holds('.safetensors') ? { files: await chosenOf(folder, '.gguf') } : { folder }
}

const folderOf = (source: FileSource, options: LocateOptions) =>
  openFolder(repositoryOf(source) ?? (source as FileSystemDirectoryHandle | readonly File[]), options)

/** The files that a source names by itself; undefined where it names a folder. */
async function filesNamed(source: FileSource): Promise<ModelFile[] | undefined> {
  if (source instanceof Blob) return [fileOfBlob(source)]
  if (typeof source === 'string' || source instanceof URL) {
    return hubRepoOf(String(source)) ? undefined : filesAt(String(source))
  }
  if ('asset' in source) return [remoteFile(source.asset, { isKeepable: false })]
  if ('kind' in source) return source.kind === 'file' ? [fileOfBlob(await fileOfHandle(source))] : undefined
  return 'repo' in source && source.file !== undefined
    ? hubFiles({ ...source, file: source.file })
    : undefined
}

/** A repository of which no file is named. */
export function repositoryOf(source: FileSource): HubModel | undefined {
  if (typeof source === 'string' || source instanceof URL) return hubRepoOf(String(source))
  return 'repo' in source && source.file === undefined ? source : undefined
}

/** A folder that is named by its address, or by a file of it. */
async function folderNamed(
  source: FileSource,
  options: LocateOptions,
): Promise<{ folder: ModelFolder; file?: string } | undefined> {
  if (typeof source === 'string' || source instanceof URL) {
    const address = String(source)
    const hubFile = hubFileOf(address)
    if (hubFile) return folderNamed(hubFile, options)
    const [, path, file = '', rest = ''] = /^([^?#]*\/)([^?#/]*)(.*)$/.exec(address) ?? []
    if (path === undefined || hubRepoOf(address) || /^data:/i.test(address)) return undefined
    if (file === '') return { folder: folderAt(address) }
    return isOfFolder(file) ? { folder: folderAt(path + rest), file } : undefined
  }
  if (!('repo' in source) || source.file === undefined || !isOfFolder(source.file)) return undefined
  const [, path = '', file = ''] = /^(.*\/)?([^/]*)$/.exec(source.file) ?? []
  return { folder: subfolder(await openFolder(source, options), path), file }
}

const isOfFolder = (name: string): boolean => /\.(safetensors|json)$/i.test(name)

function chosenOf(folder: ModelFolder, kind: FileKind): Promise<ModelFile[]> {
  const names = shardNames(chooseFile(folder.names!, kind, folder.name))
  return Promise.all(names.map(name => folder.file(name)))
}

function filesAt(address: string): ModelFile[] {
  const hubFile = hubFileOf(address)
  if (hubFile) return hubFiles(hubFile)
  const end = address.search(/[?#]/)
  const [path, rest] = end < 0 ? [address, ''] : [address.slice(0, end), address.slice(end)]
  const isKeepable = /^https?:/i.test(address)
  return shardNames(path).map(name => remoteFile(name + rest, { isKeepable }))
}

function hubFiles(model: HubModel & { file: string }): ModelFile[] {
  return shardNames(model.file).map(file => ({
    url: hubUrl({ ...model, file }),
    name: file,
    headers: hubHeaders(model),
    isKeepable: true,
    facts: signal => factsOf({ ...model, file }, signal),
  }))
}
