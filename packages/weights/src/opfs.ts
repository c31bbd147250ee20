/** What TypeScript's DOM library leaves out of the origin private file system: it is there in workers alone. */

/** A file that is locked for everyone else until it is closed or its worker ends. */
export interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number
  write(from: Uint8Array, options: { at: number }): number
  truncate(bytes: number): void
  getSize(): number
  flush(): void
  close(): void
}

export async function openLocked(
  directory: FileSystemDirectoryHandle,
  name: string,
): Promise<SyncAccessHandle> {
  const handle = await directory.getFileHandle(name, { create: true })
  const { createSyncAccessHandle: open } = handle as unknown as {
    createSyncAccessHandle?: () => Promise<SyncAccessHandle>
  }
  if (!open) throw new Error('files can be stored from a worker only')
  return open.call(handle)
}

/** The whole file anew. */
export async function writeText(
  directory: FileSystemDirectoryHandle,
  name: string,
  text: string,
): Promise<void> {
  const file = await openLocked(directory, name)
  try {
    const bytes = new TextEncoder().encode(text)
    file.truncate(0)
    file.write(bytes, { at: 0 })
    file.flush()
  } finally {
    file.close()
  }
}
