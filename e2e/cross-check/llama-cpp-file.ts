/** A model file as llama.cpp insists on it: some values of its metadata are of certain types. */
import { GgufReader, toFloat32, type WrittenTensor, writeGguf } from '@foretoken/weights'

const typeOf = (key: string): 'f32' | 'i32' | undefined =>
  /epsilon$|freq_base$|scores$/.test(key) ? 'f32' : key.endsWith('token_type') ? 'i32' : undefined

/**
 * `asFloat32`: its weights as f32, since llama.cpp rounds activations as well where they are not. `tokenizer`: metadata of one
 * that llama.cpp takes, in place of its own.
 */
export async function llamaCppFile(
  file: Blob,
  { asFloat32 = false, tokenizer }: { asFloat32?: boolean; tokenizer?: GgufReader['metadata'] } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  const reader = await GgufReader.open(file)
  const tensors = reader.tensors.map(({ name, type, rows, columns, offset, bytes: size }): WrittenTensor => {
    const dims = rows > 1 ? [columns, rows] : [columns]
    const data = bytes.subarray(offset, offset + size)
    if (!asFloat32) return { name, type, dims, data }
    const values = toFloat32(type, data, rows * columns)
    return { name, type: 'f32', dims, data: new Uint8Array(values.buffer) }
  })
  await reader.close()
  const fileType = asFloat32 ? [['general.file_type', 0] as const] : []
  const isOfTokenizer = ([key]: readonly [string, unknown]): boolean => key.startsWith('tokenizer.')
  const own = tokenizer
    ? [...[...reader.metadata].filter(each => !isOfTokenizer(each)), ...[...tokenizer].filter(isOfTokenizer)]
    : [...reader.metadata]
  const metadata = [...own, ...fileType].map(([key, value]) => {
    const type = typeOf(key)
    return [key, type ? { type, value } : value] as const
  })
  return writeGguf({ metadata: new Map(metadata), tensors })
}
