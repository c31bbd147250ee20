/** A source becomes the files that it names: one, or all parts of a split one in order. */
import { EngineError, throwIfAborted } from '@foretoken/errors'
import { chooseFile, type FileKind } from './choose-file'
import { type FileFacts, factsOf, hubFileOf, hubHeaders, hubUrl, listHub } from './hub-repo'
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
  if (source instanceof Blob) return [ofBlob(source)]
  if (typeof source === 'string' || source instanceof URL) return filesAt(String(source))
  if ('asset' in source) return [remote(source.asset, { isKeepable: false })]
  if ('kind' in source) {
    return source.kind === 'file' ? [ofBlob(await fileOf(source))] : filesIn(source, kind)
  }
  return filesOnHub(source, kind, options)
}

const ofBlob = (blob: Blob): ModelFile => {
  return { name: 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob', blob }
}

function filesAt(address: string): ModelFile[] {
  const hubFile = hubFileOf(address)
  if (hubFile) return hubFiles(hubFile)
  const [path, rest] = cut(address)
  return shardNames(path).map(name => remote(name + rest, { isKeepable: /^https?:/i.test(address) }))
}

/** An address without what follows its path, and that. */
function cut(address: string): [string, string] {
  const end = address.search(/[?#]/)
  return end < 0 ? [address, ''] : [address.slice(0, end), address.slice(end)]
}

function remote(url: string, { isKeepable }: { isKeepable: boolean }): RemoteModelFile {
  return { url, name: fileName(url), headers: {}, isKeepable, facts: async () => ({}) }
}

export function fileName(url: string): string {
  const last = cut(url)[0].split('/').pop() || url
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

async function filesOnHub(model: HubModel, kind: FileKind, options: LocateOptions): Promise<ModelFile[]> {
  const { file = chooseFile(await namesOnHub(model, options), kind, model.repo) } = model
  return hubFiles({ ...model, file })
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

/** What the addresses of all its files begin with. */
export const folderOnHub = (model: HubModel): string => hubUrl({ ...model, file: '' })

/** Of a hub that cannot be asked, what is stored of the repository. */
async function namesOnHub(model: HubModel, { signal, store }: LocateOptions): Promise<string[]> {
  try {
    return (await listHub(model, signal)).map(({ path }) => path)
  } catch (error) {
    throwIfAborted(signal, 'download')
    const folder = folderOnHub(model)
    const stored =
      (await store?.list())?.filter(({ url, complete }) => complete && url.startsWith(folder)) ?? []
    if (stored.length === 0) throw error
    return stored.map(({ url }) => decodeURIComponent(url.slice(folder.length)))
  }
}

async function filesIn(directory: FileSystemDirectoryHandle, kind: FileKind): Promise<ModelFile[]> {
  const names: string[] = []
  try {
    for await (const [name, { kind }] of directory.entries()) if (kind === 'file') names.push(name)
  } catch (error) {
    throw unreadable(directory, error)
  }
  const files: ModelFile[] = []
  for (const name of shardNames(chooseFile(names.sort(), kind, directory.name))) {
    const handle = await directory.getFileHandle(name).catch((error: unknown) => {
      throw unreadable(directory, error, name)
    })
    files.push(ofBlob(await fileOf(handle)))
  }
  return files
}

const fileOf = (handle: FileSystemFileHandle): Promise<File> =>
  handle.getFile().catch((error: unknown) => {
    throw unreadable(handle, error)
  })

/** A handle of an earlier visit needs leave anew, and files go away. */
function unreadable(handle: FileSystemHandle, cause: unknown, file?: string): EngineError {
  const { name } = handle
  const reason = cause instanceof Error ? cause.message : String(cause)
  const isForbidden = cause instanceof DOMException && cause.name === 'NotAllowedError'
  const advice = isForbidden ? ' Ask for leave with handle.requestPermission() when the user clicks.' : ''
  const what = file === undefined ? name : `${name}/${file}`
  return new EngineError(
    'download',
    `${what} cannot be read: ${reason}.${advice}`,
    { name: what, reason },
    cause,
  )
}
