import { isEngineError } from '@foretoken/errors'
import { badModel, isBadModel } from './bad-model'
import { ByteStream, type ReadOptions } from './byte-stream'
import { chooseFile } from './choose-file'
import type { TensorInfo } from './gguf-value'
import type { ModelFile } from './model-files'
import type { ModelFolder } from './model-folder'
import { openModelStream } from './model-stream'
import { ReadTally } from './read-tally'
import { readSafetensorsHeader } from './safetensors-reader'
import { shardNames } from './shard-names'
import { ShardPrefetch } from './shard-prefetch'
import { openTensorFiles } from './tensor-files'
import { type TensorFile, TensorReader } from './tensor-reader'

/** What the text files of a Hugging Face folder say. */
export interface FolderTexts {
  /** config.json */
  config: JsonObject
  /** tokenizer.json */
  tokenizer: string
  /** tokenizer_config.json */
  tokenizerConfig: string | undefined
  /** generation_config.json; empty where there is none. */
  generationConfig: JsonObject
  /** chat_template.jinja, which goes before the template in tokenizer_config.json. */
  chatTemplate: string | undefined
}

export type JsonObject = Readonly<Record<string, unknown>>

const indexName = 'model.safetensors.index.json'
const singleName = 'model.safetensors'
const maxTextBytes = 100 * 2 ** 20

/**
 * A model as the Hugging Face Hub has it: JSON files, and tensors in one safetensors file or several, read once from front to
 * back. Throws `bad-model` for what is missing, broken or not supported, `download` when it cannot be fetched whole, and
 * `aborted`.
 */
export class FolderReader extends TensorReader {
  readonly #textReader: TextReader

  private constructor(
    readonly name: string,
    readonly texts: FolderTexts,
    textReader: TextReader,
    files: readonly TensorFile[],
    prefetch: ShardPrefetch | undefined,
  ) {
    super(files, prefetch)
    this.#textReader = textReader
  }

  /** Reads texts and headers; tensor data waits for `rows`. `file`: the safetensors file or index that is meant. */
  static async open(folder: ModelFolder, file?: string, options: ReadOptions = {}): Promise<FolderReader> {
    // Progress is that of the tensors, which are what takes time.
    const textReader = new TextReader(folder, { ...options, onProgress: undefined })
    let reader: FolderReader | undefined
    try {
      const texts = await readTexts(textReader)
      const { files, index } = await findWeights(textReader, file)
      const tally = new ReadTally(files.length, options.onProgress)
      const optionsOf = (i: number): ReadOptions => ({ ...options, onProgress: tally.of(i) })
      const open = await openTensorFiles(files, readSafetensorsHeader, optionsOf)
      const prefetch = files.length > 1 ? new ShardPrefetch(files, optionsOf) : undefined
      reader = new FolderReader(folder.name, texts, textReader, open, prefetch)
      requireEachOnce(reader.tensors)
      if (index) requireIndexed(index, reader.tensors)
      return reader
    } catch (error) {
      if (isBadModel(error)) await (reader ?? textReader).discard()
      else await reader?.close()
      throw error
    }
  }

  override get bytes(): number {
    return this.#textReader.bytes + super.bytes
  }

  override async discard(): Promise<void> {
    await super.discard()
    await this.#textReader.discard()
  }
}

async function readTexts(reader: TextReader): Promise<FolderTexts> {
  const [config, tokenizer, tokenizerConfig, generationConfig, chatTemplate] = await Promise.all([
    reader.json('config.json'),
    reader.text('tokenizer.json'),
    reader.textIfThere('tokenizer_config.json'),
    reader.jsonIfThere('generation_config.json'),
    reader.textIfThere('chat_template.jinja'),
  ])
  return { config, tokenizer, tokenizerConfig, generationConfig: generationConfig ?? {}, chatTemplate }
}

/** The files that hold the tensors, and the names that the index lists. */
interface Weights {
  files: ModelFile[]
  index?: readonly string[]
}

async function findWeights(reader: TextReader, named: string | undefined): Promise<Weights> {
  const { folder } = reader
  // A split model goes by its index, whichever part is named.
  const isSingle = named?.endsWith('.safetensors') && shardNames(named).length === 1
  if (isSingle) return { files: [await folder.file(named!)] }
  const indexFile = named?.endsWith('.index.json') ? named : indexName
  const index = await reader.jsonIfThere(indexFile)
  if (index) return filesOf(indexFile, index, folder)
  // What lies in folders of the folder is another model's.
  const names = folder.names?.filter(name => !name.includes('/')) ?? [singleName]
  const chosen = names.includes(singleName) ? singleName : chooseFile(names, '.safetensors', folder.name)
  return { files: [await folder.file(chosen)] }
}

async function filesOf(
  indexFile: string,
  { weight_map: map }: JsonObject,
  folder: ModelFolder,
): Promise<Weights> {
  const entries = Object.entries(typeof map === 'object' && map !== null ? map : {})
  const wrong = entries.find(([, name]) => typeof name !== 'string' || !/^[^/\\]+\.safetensors$/.test(name))
  if (entries.length === 0 || wrong) {
    const expected = '"weight_map", which names a .safetensors file beside it for each tensor'
    throw badModel(`${indexFile} must have ${expected}.`, {
      file: indexFile,
      expected,
      found: wrong ?? entries.length,
    })
  }
  const names = [...new Set(entries.map(([, name]) => String(name)))].sort()
  const files = await Promise.all(names.map(name => folder.file(name)))
  return { files, index: entries.map(([tensor]) => tensor) }
}

function requireEachOnce(tensors: readonly TensorInfo[]): void {
  const seen = new Set<string>()
  for (const { name: tensor } of tensors) {
    if (seen.has(tensor)) {
      const details = { tensor, expected: 'each name once', found: 2 }
      throw badModel(`Tensor ${tensor} stands in two files.`, details)
    }
    seen.add(tensor)
  }
}

function requireIndexed(index: readonly string[], tensors: readonly TensorInfo[]): void {
  const found = new Set(tensors.map(({ name }) => name))
  const tensor = index.find(name => !found.has(name))
  if (tensor === undefined) return
  const message = `Tensor ${tensor} is in the index and in no file: ${index.length} are listed, ${found.size} there.`
  throw badModel(message, { tensor, expected: index.length, found: found.size })
}

/** Small files of a folder, as text. */
class TextReader {
  bytes = 0
  #streams: ByteStream[] = []

  constructor(
    readonly folder: ModelFolder,
    readonly options: ReadOptions,
  ) {}

  async json(name: string): Promise<JsonObject> {
    return jsonOf(name, await this.text(name))
  }

  async jsonIfThere(name: string): Promise<JsonObject | undefined> {
    const text = await this.textIfThere(name)
    return text === undefined ? undefined : jsonOf(name, text)
  }

  async text(name: string): Promise<string> {
    const { name: folder, names } = this.folder
    const text = names && !names.includes(name) ? undefined : await this.#text(name)
    if (text !== undefined) return text
    const found = names ? names.slice(0, 100) : 'a page of the server'
    throw badModel(`${folder} has no ${name}.`, { folder, expected: name, found })
  }

  async textIfThere(name: string): Promise<string | undefined> {
    const { names } = this.folder
    if (names) return names.includes(name) ? this.#text(name) : undefined
    try {
      return await this.#text(name)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  /** Forgets what is stored of them. */
  async discard(): Promise<void> {
    await Promise.all(this.#streams.map(stream => stream.discard()))
  }

  async #text(name: string): Promise<string | undefined> {
    const file = await this.folder.file(name)
    const stream = new ByteStream(await openModelStream(file, this.options), this.options)
    this.#streams.push(stream)
    try {
      const bytes = await stream.read(maxTextBytes + 1)
      if (bytes.length > maxTextBytes) {
        const details = { file: name, expected: maxTextBytes, found: bytes.length }
        throw badModel(`${name} is larger than ${maxTextBytes} bytes.`, details)
      }
      const text = new TextDecoder().decode(bytes)
      if (isPage(text)) {
        await stream.discard()
        return undefined
      }
      this.bytes += bytes.length
      return text
    } finally {
      await stream.close()
    }
  }
}

function jsonOf(file: string, text: string): JsonObject {
  const json = parsed(text)
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonObject
  throw badModel(`${file} is no JSON object.`, { file, expected: 'a JSON object', found: text.slice(0, 100) })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Object stores say 403 of what is not there, if they do not let themselves be listed. */
const isAbsent = (error: unknown): boolean =>
  isEngineError(error) && error.code === 'download' && [403, 404, 410].includes(Number(error.details.status))

/** Many a server sends its start page, with status 200, for what is not there. */
const isPage = (text: string): boolean => /^\s*<(!doctype html|html)/i.test(text)
