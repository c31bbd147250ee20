/** A download that is kept: what is stored of it comes first, the rest from the server, written through as it passes. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { damagedError, downloadError, isDamaged } from './download-error'
import type { FileFacts } from './hub-repo'
import type { RemoteModelFile } from './model-files'
import type { ModelStore, StoredAbout } from './model-store'
import type { ModelStream } from './model-stream'
import type { PartialFile } from './partial-file'
import { RemoteFile } from './remote-file'

const replayBytes = 2 ** 20

/** Throws `download` and `aborted`. Where nothing can be stored the file is read all the same, with a warning. */
export async function openDownload(
  file: RemoteModelFile,
  store: ModelStore | undefined,
  signal: AbortSignal | undefined,
): Promise<ModelStream> {
  const facts = await file.facts(signal)
  const kept = new Kept(file.url)
  if (store && file.isKeepable) await kept.begin(store, facts)
  const end = new AbortController()
  const onAbort = () => end.abort()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const { from, about } = kept
    const cache = kept.part ? 'no-store' : 'default'
    const known = { etag: about?.etag, bytes: about?.totalBytes }
    const remote = await RemoteFile.open(file, from, known, { signal: end.signal, cache })
    await kept.continue(file.name, remote, facts)
    return new KeptDownload(file, remote, kept, facts, () => {
      signal?.removeEventListener('abort', onAbort)
      end.abort()
    })
  } catch (error) {
    signal?.removeEventListener('abort', onAbort)
    await kept.close()
    throw error
  }
}

/** The stored part of a download, as long as the browser goes along. */
class Kept {
  part: PartialFile | undefined
  /** Why nothing more is stored of it. */
  warning: string | undefined
  /** Where the part lies: what others store of this file is not ours to remove. */
  #store: ModelStore | undefined

  constructor(readonly url: string) {}

  get about() {
    return this.part?.about
  }

  /** Where to go on. One byte of a file that is all here is fetched again, to hear of its state. */
  get from(): number {
    if (!this.part) return 0
    const { totalBytes = Number.POSITIVE_INFINITY } = this.about ?? {}
    return Math.max(0, Math.min(this.part.bytes, totalBytes - 1))
  }

  async begin(store: ModelStore, facts: FileFacts): Promise<void> {
    try {
      this.part = await store.begin(this.url)
      this.#store = store
      if (!isSurelyOf(facts, this.about)) this.part.cutTo(0)
    } catch (error) {
      this.#giveUp(error)
    }
  }

  /** Goes on where the server does, if there is room for the rest. */
  async continue(name: string, { start, version }: RemoteFile, facts: FileFacts): Promise<void> {
    if (!this.part) return
    try {
      this.part.cutTo(start)
      const totalBytes = facts.bytes ?? version.bytes
      await requireRoom((totalBytes ?? 0) - start)
      const { etag } = version
      const { sha256 } = facts
      const state = { totalBytes, etag, sha256, complete: false, savedAt: Date.now() }
      await this.part.describe({ url: this.url, name, ...state })
    } catch (error) {
      this.#giveUp(error)
    }
  }

  append(piece: Uint8Array): void {
    if (this.warning !== undefined) return
    try {
      this.part?.append(piece)
    } catch (error) {
      this.#giveUp(error)
    }
  }

  /** The whole file is right. */
  async finish(): Promise<void> {
    if (this.warning !== undefined) return this.close()
    try {
      await this.part?.finish()
    } catch (error) {
      this.#giveUp(error)
    }
  }

  /** Nothing more is stored, which stops nobody from reading on; what is stored stays. */
  #giveUp(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause)
    this.warning = `Not stored whole, so the rest will be downloaded again next time: ${reason}.`
  }

  async remove(): Promise<void> {
    this.part?.close()
    this.part = undefined
    await this.#store?.delete(this.url).catch(() => undefined)
  }

  /** What is here waits for the next time; nothing is kept of nothing. */
  async close(): Promise<void> {
    const { part } = this
    this.part = undefined
    part?.close()
    if (part?.bytes === 0) await this.remove()
  }
}

/** Whether a part is of the file whose facts these are, or the server's answer can tell. */
function isSurelyOf(facts: FileFacts, { sha256, etag }: Partial<StoredAbout> = {}): boolean {
  if (sha256 !== undefined && facts.sha256 !== undefined) return sha256 === facts.sha256
  return etag !== undefined
}

async function requireRoom(bytes: number): Promise<void> {
  const { quota, usage = 0 } = await navigator.storage.estimate()
  if (quota === undefined || bytes <= quota - usage) return
  throw new Error(`it needs ${bytes} bytes more, the browser has room for ${Math.max(0, quota - usage)}`)
}

class KeptDownload implements ModelStream {
  readonly name: string
  readonly body: ReadableStream<Uint8Array>
  readonly totalBytes: number | undefined
  readonly fileBytes: number | undefined
  readonly #hash: ReturnType<typeof sha256.create> | undefined
  #replayed = 0
  #passed = 0
  #completion: Promise<void> | undefined

  constructor(
    readonly file: RemoteModelFile,
    readonly remote: RemoteFile,
    readonly kept: Kept,
    readonly facts: FileFacts,
    readonly end: () => void,
  ) {
    this.name = file.name
    this.totalBytes = facts.bytes ?? remote.version.bytes
    this.fileBytes = facts.bytes ?? remote.fileBytes
    this.#hash = facts.sha256 === undefined ? undefined : sha256.create()
    this.body = new ReadableStream(
      { pull: controller => this.#pull(controller), cancel: () => this.#close() },
      { highWaterMark: 0 },
    )
  }

  get givesPieces(): boolean {
    return this.remote.givesPieces
  }

  get fetched(): number {
    return this.remote.fetched
  }

  get warning(): string | undefined {
    return this.kept.warning
  }

  failure(cause: unknown, loaded: number) {
    return downloadError(this.file.url, cause, loaded, this.totalBytes)
  }

  async discard(): Promise<void> {
    await this.#close()
    await this.kept.remove()
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const piece = this.#replay() ?? (await this.#fetch())
      if (piece) {
        this.#hash?.update(piece)
        this.#passed += piece.length
        controller.enqueue(piece)
        return
      }
      await this.#complete()
      await this.#close()
      controller.close()
    } catch (error) {
      if (isDamaged(error)) await this.kept.remove()
      await this.#close()
      throw error
    }
  }

  /** The next piece of what was stored before. */
  #replay(): Uint8Array | undefined {
    const { part } = this.kept
    if (!part || this.#replayed >= this.remote.start) return undefined
    const piece = part.read(this.#replayed, Math.min(replayBytes, this.remote.start - this.#replayed))
    this.#replayed += piece.length
    return piece
  }

  async #fetch(): Promise<Uint8Array | undefined> {
    const piece = await this.remote.read()
    if (piece) this.kept.append(piece)
    return piece
  }

  #complete(): Promise<void> {
    this.#completion ??= (async () => {
      this.#check()
      await this.kept.finish()
    })()
    return this.#completion
  }

  #check(): void {
    const { bytes, sha256: expected } = this.facts
    const found = this.#hash && bytesToHex(this.#hash.digest())
    if (bytes !== undefined && this.#passed !== bytes) {
      throw damagedError(this.file.url, 'has another length', bytes, this.#passed)
    }
    if (found !== undefined && found !== expected) {
      throw damagedError(this.file.url, 'has another SHA-256', expected, found)
    }
  }

  async #close(): Promise<void> {
    this.end()
    // Who stops reading behind the last byte has the whole file.
    if (this.#passed === this.totalBytes) await this.#complete().catch(() => this.kept.remove())
    await this.remote.close()
    await this.kept.close()
  }
}
