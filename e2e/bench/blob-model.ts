/** GGUF files made of Blobs, of any length: a Blob of Blobs copies none of them, and is read as a stream. */
import { type GgufContent, type WrittenTensor, writeGguf } from '@foretoken/weights'

export interface BlobTensor extends Omit<WrittenTensor, 'data' | 'offset'> {
  data: readonly Blob[]
}

const ALIGNMENT = 32

/** A header, and behind it the tensors' data. */
export function ggufOfBlobs(metadata: GgufContent['metadata'], tensors: readonly BlobTensor[]): Blob {
  const parts: Blob[] = []
  let at = 0
  const written = tensors.map(({ data, ...tensor }): WrittenTensor => {
    const offset = at
    const end = data.reduce((sum, { size }) => sum + size, offset)
    at = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    parts.push(...data, new Blob([new Uint8Array(at - end)]))
    return { ...tensor, offset, data: new Uint8Array(0) }
  })
  return new Blob([writeGguf({ metadata, tensors: written }), ...parts])
}

/** So many bytes of the same ones, again and again. */
export function repeated(pool: Blob, bytes: number): Blob[] {
  const copies = new Array<Blob>(Math.floor(bytes / pool.size)).fill(pool)
  return [...copies, pool.slice(0, bytes % pool.size)]
}
