/** A GGUF file in parts, as llama.cpp's gguf-split makes them: all metadata in the first, tensors in each. */
import { shardNames, writeGguf } from '@foretoken/weights'
import { takeApart } from '../bad-input/odd-model'

/** By the names of the parts. */
export async function splitModel(
  bytes: Uint8Array<ArrayBuffer>,
  numParts: number,
): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const { metadata, tensors } = await takeApart(bytes)
  const names = shardNames(`split-00001-of-${String(numParts).padStart(5, '0')}.gguf`)
  const tensorsPerPart = Math.ceil(tensors.length / numParts)
  const parts = names.map((name, i) => {
    const own = tensors.slice(i * tensorsPerPart, (i + 1) * tensorsPerPart)
    const split = { 'split.no': i, 'split.count': numParts, 'split.tensors.count': tensors.length }
    const entries = Object.entries({ ...(i === 0 ? Object.fromEntries(metadata) : {}), ...split })
    return [name, writeGguf({ metadata: entries, tensors: own })] as const
  })
  return Object.fromEntries(parts)
}
