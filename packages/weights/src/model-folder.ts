/** A folder of model files, wherever it lies: on a hub, at an address, on disk, or files that a user picked together. */
import { EngineError, throwIfAborted } from '@foretoken/errors'
import { badModel } from './bad-model'
import { type HubEntry, hubHeaders, hubUrl, listHub } from './hub-repo'
import type { LocateOptions, ModelFile, RemoteModelFile } from './model-files'
import type { HubModel } from './model-source'

export interface ModelFolder {
  /** For people. */
  name: string
  /** Of its files, with the path from it; undefined where nobody lists them. */
  names?: readonly string[]
  /** Throws `download` where it cannot be read. */
  file(name: string): Promise<ModelFile>
}

type FolderSource = HubModel | FileSystemDirectoryHandle | readonly Blob[]

export async function openFolder(source: FolderSource, options: LocateOptions): Promise<ModelFolder> {
  if (Array.isArray(source)) return ofFiles(source)
  return 'kind' in source ? ofDirectory(source) : ofHub(source as HubModel, options)
}

/** An address whose path ends in a slash. */
export function folderAt(address: string): ModelFolder {
  const end = address.search(/[?#]/)
  const [path, rest] = end < 0 ? [address, ''] : [address.slice(0, end), address.slice(end)]
  const isKeepable = /^https?:/i.test(address)
  return {
    name: path.split('/').at(-2) || path,
    file: async name => remoteFile(path + name + rest, { isKeepable }),
  }
}

/** What lies in a folder of the folder, '' being the folder itself. */
export function subfolder(folder: ModelFolder, path: string): ModelFolder {
  if (path === '') return folder
  const { name, names } = folder
  return {
    name: `${name}/${path}`,
    ...(names && { names: names.filter(n => n.startsWith(path)).map(n => n.slice(path.length)) }),
    file: file => folder.file(path + file),
  }
}

export function remoteFile(url: string, { isKeepable }: { isKeepable: boolean }): RemoteModelFile {
  return { url, name: fileName(url), headers: {}, isKeepable, facts: async () => ({}) }
}

export function fileName(url: string): string {
  const last =
    url
      .replace(/[?#].*$/, '')
      .split('/')
      .pop() || url
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

export const fileOfBlob = (blob: Blob): ModelFile => {
  return { name: 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob', blob }
}

export const fileOfHandle = (handle: FileSystemFileHandle): Promise<File> =>
  handle.getFile().catch((error: unknown) => {
    throw unreadable(handle, error)
  })

function ofFiles(blobs: readonly Blob[]): ModelFolder {
  const files = new Map(blobs.map(fileOfBlob).map(file => [file.name, file]))
  const names = [...files.keys()].sort()
  const name = 'the files'
  return {
    name,
    names,
    file: async wanted => {
      const file = files.get(wanted)
      if (file) return file
      throw badModel(`${wanted} is not among ${name}.`, { folder: name, expected: wanted, found: names })
    },
  }
}

async function ofDirectory(directory: FileSystemDirectoryHandle): Promise<ModelFolder> {
  const names: string[] = []
  try {
    for await (const [name, { kind }] of directory.entries()) if (kind === 'file') names.push(name)
  } catch (error) {
    throw unreadable(directory, error)
  }
  const file = async (name: string) => {
    const handle = await directory.getFileHandle(name).catch((error: unknown) => {
      throw unreadable(directory, error, name)
    })
    return fileOfBlob(await fileOfHandle(handle))
  }
  return { name: directory.name, names: names.sort(), file }
}

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

async function ofHub(model: HubModel, options: LocateOptions): Promise<ModelFolder> {
  const entries = await entriesOnHub(model, options)
  const facts = new Map(entries.map(({ path, ...facts }) => [path, facts]))
  return {
    name: model.repo,
    names: [...facts.keys()],
    file: async file => ({
      url: hubUrl({ ...model, file }),
      name: file,
      headers: hubHeaders(model),
      isKeepable: true,
      facts: async () => facts.get(file) ?? {},
    }),
  }
}

/** What the addresses of all its files begin with. */
export const folderOnHub = (model: HubModel): string => hubUrl({ ...model, file: '' })

/** Of a hub that cannot be asked, what is stored of the repository. */
async function entriesOnHub(model: HubModel, { signal, store }: LocateOptions): Promise<HubEntry[]> {
  try {
    return await listHub(model, signal)
  } catch (error) {
    throwIfAborted(signal, 'download')
    const folder = folderOnHub(model)
    const stored =
      (await store?.list())?.filter(({ url, complete }) => complete && url.startsWith(folder)) ?? []
    if (stored.length === 0) throw error
    return stored.map(({ url }) => ({ path: decodeURIComponent(url.slice(folder.length)) }))
  }
}
