/**
 * Frees the memory of a buffer at once; what looked into it is empty then. Gigabytes pass through here faster than
 * garbage is collected. Browsers that cannot do it collect it later.
 */
export function release({ buffer }: ArrayBufferView): void {
  if ('transfer' in buffer) (buffer as { transfer(bytes: number): ArrayBuffer }).transfer(0)
}

/** Whether the stream's pieces are their reader's alone: a stream of bytes gives its buffers away, others may keep them. */
export function givesBuffers(stream: ReadableStream<Uint8Array>): boolean {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock()
    return true
  } catch {
    return false
  }
}
