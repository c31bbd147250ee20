/** The beginning of a file in the store, which nobody else can touch until it is closed. */
import type { ModelStore, StoredAbout } from './model-store'
import type { SyncAccessHandle } from './opfs'

export class PartialFile {
  bytes: number
  #isOpen = true

  constructor(
    readonly directory: FileSystemDirectoryHandle,
    readonly handle: SyncAccessHandle,
    public about: StoredAbout | undefined,
    readonly store: ModelStore,
  ) {
    // Bytes of which nothing is known cannot be continued.
    if (!about) handle.truncate(0)
    this.bytes = handle.getSize()
  }

  /** At most `count` bytes from `at` on. */
  read(at: number, count: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(count, this.bytes - at))
    return bytes.subarray(0, this.handle.read(bytes, { at }))
  }

  /** Throws where the browser has no room for it, and leaves what was there. */
  append(piece: Uint8Array): void {
    // Chromium 156 does not throw beyond the quota: it returns 2^32 - 8, its own error code.
    if (this.handle.write(piece, { at: this.bytes }) !== piece.length) {
      this.handle.truncate(this.bytes)
      throw new Error(`the browser has no room for more than ${this.bytes} bytes of it`)
    }
    this.bytes += piece.length
  }

  cutTo(bytes: number): void {
    this.handle.truncate(bytes)
    this.bytes = bytes
  }

  async describe(about: StoredAbout): Promise<void> {
    this.about = about
    await this.store.writeAbout(this.directory, about)
  }

  /** What is here is whole and right. */
  async finish(): Promise<void> {
    this.handle.flush()
    await this.describe({ ...this.about!, complete: true, totalBytes: this.bytes, savedAt: Date.now() })
    this.close()
  }

  /** Keeps what is here for another time. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.handle.close()
  }
}
