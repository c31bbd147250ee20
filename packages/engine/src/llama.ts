/**
 * The Llama architecture as a list of commands: RMSNorm, RoPE, grouped-query attention, SwiGLU.
 * `forward` below is the model; everything else prepares its pieces.
 */
import { BLOCK_SIZE } from '@foretoken/scheduler'
import { chunksOf, formatParams, type Kernel, kernels, type Params } from '@foretoken/shaders'
import { paddedColumns } from '@foretoken/weights'
import { Attention } from './attention'
import type { AttentionLimits } from './attention-plan'
import type { Command, Variant } from './command'
import type { Gpu } from './gpu'
import type { ModelConfig } from './model-config'
import type { Matrix, ModelWeights } from './model-weights'
import type { Resident } from './resident'

/** Rows that share one unpacked weight. More rows loop over tiles of the largest. */
const TILES = [1, 2, 4, 8]
const OUTPUTS_PER_THREAD = 4
const MATMUL_WORKGROUP = 32

/** Threads that share the columns of a row: few where there are few, since each barrier waits for all. */
const rowWorkgroup = (columns: number): number => (columns <= 256 ? 16 : 64)
const vocabWorkgroup = (vocab: number): number => (vocab <= 2048 ? 32 : 256)

/** Activations: one row per query position, rows padded to whole segments; the padding stays zero. */
interface Activations {
  hidden: GPUBuffer // [rows, dim]
  normed: GPUBuffer // [rows, dim]
  qkv: GPUBuffer // [rows, q heads | k heads | v heads]
  attended: GPUBuffer // [rows, heads * headDim]
  gate: GPUBuffer // [rows, ffn]
  up: GPUBuffer // [rows, ffn]
  logits: GPUBuffer // [samples, vocab]
}

export interface Llama {
  commands: Command[]
  logits: GPUBuffer
  /** Floats from one row of logits to the next. */
  logitStride: number
  attention: AttentionLimits
}

export interface LlamaOptions {
  kvType: 'f16' | 'f32'
  /** Rows may be nodes of draft trees. */
  trees?: boolean
  /** Replaces the text of kernels, for tests that must see a broken one fail. */
  kernels?: Partial<Record<keyof typeof kernels, Kernel>>
}

export async function buildLlama(
  gpu: Gpu,
  config: ModelConfig,
  weights: ModelWeights,
  resident: Resident,
  options: LlamaOptions,
): Promise<Llama> {
  const builder = await gpu.allocating(() => new LlamaBuilder(gpu, config, weights, resident, options))
  const commands = await Promise.all(builder.forward())
  const splitting = commands.find(({ label }) => label === 'attend')!
  const attention: AttentionLimits = {
    ...builder.attention.limits,
    // Asked for each pass: the self-check may refuse some.
    get tiles() {
      return splitting.variants.filter(({ tree }) => !tree).map(({ tile }) => tile)
    },
  }
  const { logits } = builder.activations
  return { commands, logits, logitStride: paddedColumns(config.vocab), attention }
}

class LlamaBuilder {
  readonly activations: Activations
  readonly attention: Attention
  readonly #caches: GPUBuffer[]
  readonly #ropeTable: GPUBuffer
  readonly #kernels: Record<keyof typeof kernels, Kernel>

  constructor(
    readonly gpu: Gpu,
    readonly config: ModelConfig,
    readonly weights: ModelWeights,
    readonly resident: Resident,
    readonly options: LlamaOptions,
  ) {
    const { dim, heads, headDim, ffn, vocab, layers } = config
    const { maxRows, maxSamples, numBlocks } = resident.sizes
    const rows = (label: string, count: number, columns: number): GPUBuffer =>
      gpu.buffer(label, count * paddedColumns(columns) * 4, 'work')
    this.activations = {
      hidden: rows('hidden', maxRows, dim),
      normed: rows('normed', maxRows, dim),
      qkv: rows('qkv', maxRows, this.#qkvColumns()),
      attended: rows('attended', maxRows, heads * headDim),
      gate: rows('gate', maxRows, ffn),
      up: rows('up', maxRows, ffn),
      logits: rows('logits', maxSamples, vocab),
    }
    this.#kernels = { ...kernels, ...options.kernels }
    const { BLOCKS_PER_SEQUENCE: blocksPerSequence } = resident.params
    const model = { ...this.#kvShape(), heads, blocksPerSequence }
    this.attention = new Attention(gpu, model, resident.sizes, options.trees ?? false)
    const cacheBytes = kvBlockBytes(config, options.kvType) * numBlocks
    this.#caches = Array.from({ length: layers }, (_, i) => gpu.buffer(`KV ${i}`, cacheBytes, 'kv'))
    const table = ropeTable(config, resident.sizes.contextLength, weights.ropeFactors)
    this.#ropeTable = gpu.buffer('rope table', table.byteLength, 'work')
    gpu.device.queue.writeBuffer(this.#ropeTable, 0, table)
  }

  /** One pass: tokens of the rows in, one token per sample out. */
  forward(): Array<Promise<Command>> {
    const { hidden, normed, qkv, attended, gate, up, logits } = this.activations
    const { heads, kvHeads, headDim } = this.config
    const slice = (first: number): Slice => ({ columns: this.#qkvColumns(), first: first * headDim })
    const { embedding, layers, outputNorm, head } = this.weights
    return [
      this.#embed(embedding, hidden),
      ...layers.flatMap((layer, i) => [
        this.#norm(hidden, layer.attnNorm, normed),
        this.#matmul(layer.q, normed, qkv, {}, slice(0)),
        this.#matmul(layer.k, normed, qkv, {}, slice(heads)),
        this.#matmul(layer.v, normed, qkv, {}, slice(heads + kvHeads)),
        this.#ropeAppend(qkv, this.#caches[i]!),
        ...this.#attend(qkv, this.#caches[i]!, attended),
        this.#matmul(layer.output, attended, hidden, { ACCUMULATE: true }),
        this.#norm(hidden, layer.ffnNorm, normed),
        this.#matmul(layer.gate, normed, gate),
        this.#matmul(layer.up, normed, up),
        this.#siluMul(gate, up),
        this.#matmul(layer.down, gate, hidden, { ACCUMULATE: true }),
      ]),
      // From here on only the rows whose next token is drawn.
      this.#norm(hidden, outputNorm, normed, { GATHER: true }),
      this.#matmul(head, normed, logits, { COUNT: 1 }),
      this.#sample(logits),
    ]
  }

  #embed(table: Matrix, hidden: GPUBuffer): Promise<Command> {
    const { history, params } = this.resident
    return this.#command('embed', {
      params: { ...formatParams[table.format], CONTEXT: params.CONTEXT },
      buffers: [history, table.quants, table.scales, hidden],
      shape: [paddedColumns(table.columns) / 32, table.rows],
      grid: tiles => [tiles, 1],
    })
  }

  #norm(x: GPUBuffer, weight: GPUBuffer, y: GPUBuffer, params: Params = {}): Promise<Command> {
    const { dim, normEpsilon } = this.config
    return this.#command('rmsNorm', {
      params: { ...params, WORKGROUP: rowWorkgroup(dim) },
      buffers: [x, weight, y],
      shape: [dim, paddedColumns(dim), floatBits(normEpsilon)],
      over: params.GATHER ? 'samples' : 'rows',
      grid: tiles => [tiles, 1],
    })
  }

  #matmul(
    matrix: Matrix,
    x: GPUBuffer,
    y: GPUBuffer,
    params: Params = {},
    { columns, first }: Slice = { columns: matrix.rows, first: 0 },
  ): Promise<Command> {
    const groups = Math.ceil(matrix.rows / (MATMUL_WORKGROUP * OUTPUTS_PER_THREAD))
    return this.#command('matmul', {
      params: {
        ...formatParams[matrix.format],
        ...params,
        OUTPUTS: OUTPUTS_PER_THREAD,
        WORKGROUP: MATMUL_WORKGROUP,
      },
      tiles: TILES,
      buffers: [matrix.quants, matrix.scales, x, y],
      shape: [matrix.rows, paddedColumns(matrix.columns) / 32, paddedColumns(columns), first],
      over: params.COUNT === 1 ? 'samples' : 'rows',
      grid: tiles => [groups, tiles],
    })
  }

  #ropeAppend(qkv: GPUBuffer, cache: GPUBuffer): Promise<Command> {
    const { heads, kvHeads, headDim, rope } = this.config
    const { kvF16 } = this.#kvShape()
    return this.#command('ropeAppend', {
      params: {
        KV_F16: kvF16,
        HEAD_DIM: headDim,
        CHUNKS: chunksOf({ headDim, kvF16 }),
        NEOX: rope.neox,
        BLOCK: BLOCK_SIZE,
        WORKGROUP: this.attention.software ? 16 : 64,
      },
      buffers: [this.#ropeTable, qkv, cache],
      shape: [heads, kvHeads, rope.dim, paddedColumns(this.#qkvColumns())],
      grid: tiles => [tiles, 1],
    })
  }

  /** Splits side by side and their merge, or walking over them; the plan of a pass says which. */
  #attend(qkv: GPUBuffer, cache: GPUBuffer, out: GPUBuffer): Array<Promise<Command>> {
    const { heads, kvHeads, headDim } = this.config
    const { attention } = this
    const stride = paddedColumns(heads * headDim)
    const attend = (to: GPUBuffer) => ({
      params: {},
      buffers: [qkv, cache, this.resident.blocks, to],
      scratch: [attention.memory],
      shape: [kvHeads, paddedColumns(this.#qkvColumns()), stride, floatBits(1 / Math.sqrt(headDim))],
      grid: unplanned,
    })
    return [
      this.#command('attend', {
        ...attend(attention.parts),
        variants: attention.splitting,
        planned: (variants, plan) => attention.split(variants, plan),
      }),
      this.#command('merge', {
        params: { ...attention.mergeParams, BLOCK: BLOCK_SIZE },
        buffers: [attention.parts, out],
        shape: [heads, stride],
        grid: unplanned,
        planned: (variants, plan, numRows) => attention.merge(variants, plan, numRows),
      }),
      this.#command('attend', {
        ...attend(out),
        label: 'attend-walk',
        variants: attention.walking,
        planned: (variants, plan) => attention.walk(variants, plan),
      }),
    ]
  }

  #siluMul(gate: GPUBuffer, up: GPUBuffer): Promise<Command> {
    const { ffn } = this.config
    return this.#command('siluMul', {
      params: {},
      buffers: [gate, up],
      shape: [ffn, paddedColumns(ffn)],
      grid: tiles => [tiles, 1],
    })
  }

  #sample(logits: GPUBuffer): Promise<Command> {
    const { sampled, history, params } = this.resident
    return this.#command('sample', {
      params: { CONTEXT: params.CONTEXT, WORKGROUP: vocabWorkgroup(this.config.vocab) },
      buffers: [logits, sampled, history],
      shape: [this.config.vocab, paddedColumns(this.config.vocab)],
      over: 'samples',
      grid: tiles => [tiles, 1],
    })
  }

  #kvShape(): { kvHeads: number; headDim: number; kvF16: boolean } {
    const { kvHeads, headDim } = this.config
    return { kvHeads, headDim, kvF16: this.options.kvType === 'f16' }
  }

  #qkvColumns(): number {
    const { heads, kvHeads, headDim } = this.config
    return (heads + 2 * kvHeads) * headDim
  }

  async #command(name: keyof typeof kernels, spec: CommandSpec): Promise<Command> {
    const kernel = this.#kernels[name]
    const { label = name, over = 'rows', tiles = [1], scratch = [], grid, planned } = spec
    const bindGroup = this.gpu.bindGroup(kernel, [
      this.resident.stepBinding,
      ...spec.buffers,
      this.gpu.uniform(spec.shape),
      ...scratch,
    ])
    const wanted: readonly VariantSpec[] =
      spec.variants ??
      tiles.map(tile => ({ tile, params: tiles.length > 1 ? { ...spec.params, TILE: tile } : spec.params }))
    const variants: Variant[] = await Promise.all(
      wanted.map(async ({ params, ...variant }) => {
        return { ...variant, pipeline: await this.gpu.pipeline(kernel, params) }
      }),
    )
    return { label, bindGroup, over, variants, grid, ...(planned ? { planned } : {}) }
  }
}

/** The grid of commands that have a plan instead. */
const unplanned: Command['grid'] = () => [0, 0]

/** Columns of a wider row. */
interface Slice {
  columns: number
  first: number
}

type VariantSpec = Omit<Variant, 'pipeline'> & { params: Params }

interface CommandSpec {
  label?: string
  params: Params
  buffers: readonly GPUBuffer[]
  /** The kernel's `shape`: u32 words, floats as their bits. */
  shape: readonly number[]
  /** Bound behind the shape. */
  scratch?: readonly GPUBuffer[]
  over?: Command['over']
  tiles?: readonly number[]
  variants?: readonly VariantSpec[]
  grid: Command['grid']
  planned?: Command['planned']
}

/** Bytes of one KV block in one layer. */
export function kvBlockBytes(config: ModelConfig, kvType: 'f16' | 'f32'): number {
  const chunks = chunksOf({ headDim: config.headDim, kvF16: kvType === 'f16' })
  return 2 * config.kvHeads * chunks * 16 * BLOCK_SIZE
}

/** cos and sin of every position and frequency, in double precision: [context, dim / 2] pairs. */
export function ropeTable(
  config: Pick<ModelConfig, 'rope'>,
  context: number,
  factors: Float32Array | undefined,
): Float32Array<ArrayBuffer> {
  const { dim, base } = config.rope
  const half = dim / 2
  const table = new Float32Array(context * half * 2)
  for (let i = 0; i < half; i++) {
    const frequency = base ** ((-2 * i) / dim) / (factors?.[i] ?? 1)
    for (let position = 0; position < context; position++) {
      table[(position * half + i) * 2] = Math.cos(position * frequency)
      table[(position * half + i) * 2 + 1] = Math.sin(position * frequency)
    }
  }
  return table
}

function floatBits(value: number): number {
  return new Uint32Array(new Float32Array([value]).buffer)[0]!
}
