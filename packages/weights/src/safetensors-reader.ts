import { badModel } from './bad-model'
import type { ByteStream, ReadOptions } from './byte-stream'
import type { TensorInfo } from './gguf-value'
import { modelFiles } from './model-files'
import type { FileSource } from './model-source'
import { openTensorFile, type TensorHeader } from './tensor-files'
import { type TensorFile, TensorReader } from './tensor-reader'
import { rowBytes, type TensorType } from './tensor-type'

/** Some 30,000 tensors. JSON takes up to twenty times its bytes in memory: the format's own limit, 100 MB, is too much. */
const maxHeaderBytes = 4 * 2 ** 20
const lengthBytes = 8
const types: Readonly<Record<string, TensorType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' }

/**
 * A safetensors file, read once from front to back: 8 bytes of length, a JSON header, then the tensors. Throws
 * `bad-model` for a file that is broken or not supported, `download` when it cannot be fetched whole, and `aborted`.
 * Source: https://github.com/huggingface/safetensors#format
 */
export class SafetensorsReader extends TensorReader {
  private constructor(
    readonly name: string,
    file: TensorFile,
  ) {
    super([file])
  }

  /** Reads the header; tensor data waits for `rows`. */
  static async open(source: FileSource, options: ReadOptions = {}): Promise<SafetensorsReader> {
    const [file] = await modelFiles(source, '.safetensors', options)
    return new SafetensorsReader(
      file!.name,
      await openTensorFile(file!, readSafetensorsHeader, () => options),
    )
  }
}

export async function readSafetensorsHeader(
  stream: ByteStream,
  fileBytes: number | undefined,
): Promise<TensorHeader> {
  const header = await readHeader(stream)
  return { tensors: tensorInfos(header, stream.position, fileBytes) }
}

async function readHeader(stream: ByteStream): Promise<Record<string, unknown>> {
  const start = await stream.read(lengthBytes)
  if (start.length < lengthBytes) throw broken('The file ends before its header', '8 bytes', start.length)
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true))
  if (length < 2 || length > maxHeaderBytes) {
    throw broken(
      'Not a safetensors file: the length of its header is impossible',
      `2 to ${maxHeaderBytes}`,
      length,
    )
  }
  const bytes = await stream.read(length)
  if (bytes.length < length) throw broken('The file ends inside its header', length, bytes.length)
  const header = parseJson(new TextDecoder().decode(bytes))
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw broken('Not a safetensors file: its header is no JSON object', 'an object', typeof header)
  }
  return header as Record<string, unknown>
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `start`: where tensor data begins. */
function tensorInfos(
  header: Readonly<Record<string, unknown>>,
  start: number,
  fileBytes: number | undefined,
): TensorInfo[] {
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => tensorInfo(name, entry, start))
    .sort((a, b) => a.offset - b.offset)
  let end = start
  for (const { name, offset, bytes } of tensors) {
    if (offset < end)
      throw broken(`Tensor ${name} overlaps another`, `an offset of at least ${end}`, offset, name)
    end = offset + bytes
  }
  if (fileBytes !== undefined && end > fileBytes) {
    throw broken(
      'The file ends inside its tensors. It was probably not downloaded or copied whole',
      end,
      fileBytes,
    )
  }
  return tensors
}

function tensorInfo(name: string, entry: unknown, start: number): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>
  const found = typeof dtype === 'string' ? dtype : typeof dtype
  const type = Object.hasOwn(types, found) ? types[found] : undefined
  if (!type) throw broken(`Tensor ${name} has type ${found}`, Object.keys(types), found, name)
  const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  if (!Array.isArray(shape) || shape.length < 1 || !shape.every(size => isSize(size) && size > 0)) {
    throw broken(`Tensor ${name} has an impossible shape`, 'sizes of 1 or more', shape, name)
  }
  const columns: number = shape.at(-1)
  const rows: number = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  const bytes = rows * rowBytes(type, columns)
  const [from, to] = Array.isArray(offsets) ? offsets : []
  if (!isSize(from) || !isSize(to) || to - from !== bytes) {
    throw broken(`The data of tensor ${name} are not as long as its shape says`, bytes, offsets, name)
  }
  return { name, type, rows, columns, offset: start + from, bytes }
}

function broken(message: string, expected: unknown, found: unknown, tensor?: string) {
  return badModel(`${message}.`, { expected, found, ...(tensor === undefined ? {} : { tensor }) })
}
