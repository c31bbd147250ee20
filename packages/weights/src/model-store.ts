/** Downloaded model files in the browser's private file system: whole ones, and the beginnings of others. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { openLocked, writeText } from './opfs'
import { PartialFile } from './partial-file'

/** What is written down of a file beside its bytes. */
export interface StoredAbout {
  url: string
  name: string
  /** Whole and checked. */
  complete: boolean
  /** Undefined while no server has told it. */
  totalBytes?: number | undefined
  etag?: string | undefined
  sha256?: string | undefined
  /** When its download began or ended, in ms since 1970. */
  savedAt: number
}

export interface StoredFile extends StoredAbout {
  /** That are here. */
  bytes: number
}

const rootName = 'foretoken-models'
const aboutName = 'about.json'
const dataName = 'data'

/** One directory per file, named by a hash of its address: { about.json, data }. */
export class ModelStore {
  private constructor(
    readonly root: FileSystemDirectoryHandle | undefined,
    /** Why nothing can be stored, for people. */
    readonly refusal: string | undefined,
  ) {}

  /** Where the browser refuses, a store that holds nothing and keeps nothing. */
  static async open(): Promise<ModelStore> {
    try {
      const root = await navigator.storage.getDirectory()
      return new ModelStore(await root.getDirectoryHandle(rootName, { create: true }), undefined)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return new ModelStore(undefined, `the browser gives no storage for files here (${reason})`)
    }
  }

  async list(): Promise<StoredFile[]> {
    const files: StoredFile[] = []
    for await (const directory of this.root?.values() ?? []) {
      const file = directory.kind === 'directory' ? await describe(directory) : undefined
      if (file) files.push(file)
    }
    return files
  }

  /** The whole file, if it is here. */
  async find(url: string): Promise<File | undefined> {
    const directory = await this.#directory(url)
    const about = directory && (await readAbout(directory))
    if (!about?.complete) return undefined
    const handle = await directory!.getFileHandle(dataName).catch(() => undefined)
    const file = await handle?.getFile()
    return file?.size === about.totalBytes ? file : undefined
  }

  /** The part that is here, perhaps nothing, to be continued. Throws where nothing can be stored, with the reason. */
  async begin(url: string): Promise<PartialFile> {
    if (!this.root) throw new Error(this.refusal)
    const directory = await this.root.getDirectoryHandle(keyOf(url), { create: true })
    const about = await readAbout(directory)
    try {
      return new PartialFile(directory, await openLocked(directory, dataName), about, this)
    } catch (error) {
      const isLocked = error instanceof DOMException && error.name === 'NoModificationAllowedError'
      throw isLocked ? new Error('it is being stored already, perhaps by another tab') : error
    }
  }

  async delete(url: string): Promise<void> {
    await this.root?.removeEntry(keyOf(url), { recursive: true }).catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error
    })
  }

  writeAbout(directory: FileSystemDirectoryHandle, about: StoredAbout): Promise<void> {
    return writeText(directory, aboutName, JSON.stringify(about))
  }

  async #directory(url: string): Promise<FileSystemDirectoryHandle | undefined> {
    return this.root?.getDirectoryHandle(keyOf(url)).catch(() => undefined)
  }
}

const keyOf = (url: string): string => bytesToHex(sha256(new TextEncoder().encode(url)))

/** Undefined where it is not there, or was cut when the browser ended. */
async function readAbout(directory: FileSystemDirectoryHandle): Promise<StoredAbout | undefined> {
  try {
    const file = await (await directory.getFileHandle(aboutName)).getFile()
    return JSON.parse(await file.text()) as StoredAbout
  } catch {
    return undefined
  }
}

async function describe(directory: FileSystemDirectoryHandle): Promise<StoredFile | undefined> {
  const about = await readAbout(directory)
  const data = await directory.getFileHandle(dataName).catch(() => undefined)
  if (!about || !data) return undefined
  return { ...about, bytes: (await data.getFile()).size }
}
