/**
 * Small models of every tensor type and every architecture, from GGUF files and folders, each with itself in 4 bits as its
 * draft: right often, not always.
 */
import {
  Engine,
  type EngineInternals,
  type EngineOptions,
  type GenerateOptions,
  type Speculation,
  sharedDevice,
} from '@foretoken/engine'
import { takeApart } from '../bad-input/odd-model'
import { reordered } from '../foreign-draft'
import { smallKernels } from '../small-kernels'
import type { BenchRow } from './bench-context'
import { type Run, sameIds } from './exactness-rig'
import { Tally } from './exactness-tally'
import { type BlockType, withRandomBlocks } from './random-blocks'
import { mulberry32, randomModel } from './random-model'
import { requantise } from './requantise'
import { shuffled } from './shuffled'

export interface SmallModel extends Pick<EngineOptions, 'model'> {
  format: string
  /** Its kind, for tables. */
  group: string
  draft: Blob
  vocab: number
}

const NUM_TOKENS = 32
const CONTEXT = 128
/** A window of the fixtures is shorter, and a split of attention is 64. */
const PROMPT_LENGTH = 70

const plainTypes = ['f32', 'f16', 'bf16'] as const
const blockTypes = ['q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k'] as const

/** As wide as a block of the K types. Not tied: then a token would be followed by itself. */
const shape = { vocab: 300, dim: 256, layers: 2, heads: 4, kvHeads: 2, ffn: 256, context: 256, tied: false }

type NamedMode = readonly [name: string, speculation: Speculation]

const chains: readonly NamedMode[] = [
  ['off', 'off'],
  ['lookup@4', { method: 'lookup', depth: 4 }],
  ['draft@1', { method: 'draft', depth: 1 }],
  ['draft@5', { method: 'draft', depth: 5 }],
]

const grown: readonly NamedMode[] = [
  ['lookup-tree@9', { method: 'tree', depth: 9, from: 'lookup' }],
  ['draft-tree@12', { method: 'tree', depth: 12, from: 'draft' }],
]

const samplings: ReadonlyArray<Pick<GenerateOptions, 'temperature' | 'seed'>> = [
  { temperature: 0 },
  { temperature: 0.8, seed: 11 },
]

/** The files that make-architectures.py of the engine wrote. */
const ggufs = import.meta.glob<string>('../../packages/engine/fixtures/*.gguf', {
  query: '?url',
  import: 'default',
  eager: true,
})
const folderFiles = import.meta.glob<string>('../../packages/engine/fixtures/*/*.{json,safetensors}', {
  query: '?url',
  import: 'default',
  eager: true,
})

/** `quick`: two types, an architecture, and a draft of another vocabulary. */
export async function* measureSmallModels(quick: boolean): AsyncGenerator<BenchRow> {
  for (const type of quick ? (['q5_0', 'q4_k'] as const) : [...plainTypes, ...blockTypes]) {
    yield* measureModel(await modelOfType(type), { quick })
  }
  yield* measureModel(await modelWithForeignDraft(), { quick, deviceProfile: smallKernels })
  for (const name of quick ? ['gemma-3'] : architectureNames) {
    for (const from of ['gguf', 'folder'] as const) {
      // Their products are those of all models.
      yield* measureModel(await modelOfArchitecture(name, from), { quick, deviceProfile: smallKernels })
    }
  }
}

export async function modelOfType(
  type: (typeof plainTypes | typeof blockTypes)[number],
): Promise<SmallModel> {
  const source = randomModel(1, shape)
  const isPlain = plainTypes.some(plain => plain === type)
  const model = isPlain
    ? await requantise(source, type as (typeof plainTypes)[number])
    : await withRandomBlocks(source, 2, () => type as BlockType)
  const group = `${plainTypes.length + blockTypes.length} tensor types`
  return { format: type, group, model, draft: await requantise(model, 'q4_0'), vocab: shape.vocab }
}

/** Its draft is the model itself with a fifth fewer tokens, in another order. */
async function modelWithForeignDraft(): Promise<SmallModel> {
  const model = randomModel(1, shape)
  const kept = Array.from({ length: shape.vocab }, (_, id) => id).filter(id => id < 3 || id % 5 > 0)
  const parts = await takeApart(new Uint8Array(await model.arrayBuffer()))
  const draft = new Blob([reordered(parts, shuffled(kept, mulberry32(5)))])
  return {
    format: 'draft of another vocabulary',
    group: 'draft of another vocabulary',
    model,
    draft,
    vocab: shape.vocab,
  }
}

const architectureNames: string[] = Object.keys(ggufs).map(path => path.split('/').at(-1)!.slice(0, -5))

async function modelOfArchitecture(name: string, from: 'gguf' | 'folder'): Promise<SmallModel> {
  const [, address] = Object.entries(ggufs).find(([path]) => path.endsWith(`/${name}.gguf`))!
  const gguf = new URL(address, base())
  const draft = await requantise(gguf, 'q4_0')
  return {
    format: `${name} ${from}`,
    group: `${architectureNames.length} architectures, ${from}`,
    model: from === 'gguf' ? gguf : await folderOf(name),
    draft,
    vocab: 64,
  }
}

/** As files: a bundle has no folders. */
async function folderOf(name: string): Promise<File[]> {
  const own = Object.entries(folderFiles).filter(([path]) => path.includes(`/${name}/`))
  const read = async ([path, url]: [string, string]): Promise<File> => {
    const response = await fetch(new URL(url, base()))
    return new File([await response.arrayBuffer()], path.split('/').at(-1)!)
  }
  return Promise.all(own.map(read))
}

/** Node has no location; there addresses of assets are whole. */
const base = (): string | undefined => globalThis.location?.href

/** One row per mode: all side by side, and unless it is `quick` each alone. Kernels of trees take a while to compile. */
export async function* measureModel(
  { format, group, vocab, ...files }: SmallModel,
  { quick, trees = true, ...internals }: EngineInternals & { quick: boolean; trees?: boolean },
): AsyncGenerator<BenchRow> {
  const options = { ...files, trees, contextLength: CONTEXT }
  const modes = trees ? [...chains, ...grown] : chains
  const engine = await Engine.load(options, {
    device: await sharedDevice(),
    skipCalibration: true,
    ...internals,
  })
  const prompt = Array.from({ length: PROMPT_LENGTH }, (_, i) => 3 + ((i * i * 7 + i * 5) % (vocab - 3)))
  const tallies = modes.map(([name]) => new Tally(name, format))
  try {
    for (const sampling of samplings) {
      const run = (speculation: Speculation) => generate(engine, { tokens: prompt, ...sampling, speculation })
      const expected = await run('off')
      const check = (i: number, measured: Run) =>
        tallies[i]!.add([measured], 1, isWhole(measured) && sameIds(measured.tokens, expected.tokens) ? 0 : 1)
      if (!quick) for (const [i, [, speculation]] of modes.entries()) check(i, await run(speculation))
      const together = await Promise.all(modes.map(([, speculation]) => run(speculation)))
      for (const [i, measured] of together.entries()) check(i, measured)
    }
    for (const tally of tallies) yield { ...tally.row(), group }
  } finally {
    await engine.dispose()
  }
}

const isWhole = ({ tokens }: Run): boolean => tokens.length === NUM_TOKENS

async function generate(engine: Engine, options: GenerateOptions): Promise<Run> {
  const run: Run = { tokens: [], finishReason: undefined, numDrafted: 0, numAccepted: 0 }
  for await (const batch of engine.generate({ ...options, maxTokens: NUM_TOKENS, ignoreEos: true })) {
    run.tokens.push(...batch.tokens)
    run.finishReason = batch.finishReason
    run.numAccepted += batch.usage?.acceptedTokens ?? 0
    run.numDrafted += batch.usage ? batch.usage.acceptedTokens + batch.usage.rejectedTokens : 0
  }
  return run
}
