/**
 * The Llama architecture, and those of its kind in architectures.ts, as a list of commands: RMSNorm, RoPE,
 * grouped-query attention, SwiGLU.
 * `forward` below is the model; everything else prepares its pieces.
 */
import { chunksOf, formatParams, type Kernel, kernels, type Params } from '@foretoken/shaders'
import { paddedColumns } from '@foretoken/weights'
import { ADJUSTMENT_WORDS, adjustsLogits } from './adjustments'
import { architectureOf, isLastOf } from './architectures'
import { Attention } from './attention'
import { attentionCommands, type LayerAttention } from './attention-commands'
import type { AttentionLimits } from './attention-plan'
import type { Command, CommandSpec } from './command'
import { type DeviceProfile, deviceProfile, GROUP_COLUMNS } from './device-profile'
import type { Gpu } from './gpu'
import { buildHeads, type PlannedHeads } from './heads'
import { type Activations, attendModel, type Numerics, type PlannedLlama } from './llama-buffers'
import { LOG_PROB_WORDS, wantsLogProbs } from './log-probs'
import { Matmuls, type Norm } from './matmuls'
import type { ModelConfig } from './model-config'
import type { ModelWeights } from './model-weights'
import { Projections } from './projections'
import type { Resident } from './resident'
import { ropeFactors, ropeTable } from './rope-table'
import { floatBits } from './shape-arena'
import { changesLogits, isConstrained } from './token-masks'
import { draftLogits, type Twins, uploadTwins } from './twins'
import { verifies } from './verification'
import type { Matrix, MatrixPart } from './weight-layout'

/** Threads that share the columns of a row: few where there are few, since each barrier waits for all. */
const rowWorkgroup = (columns: number): number => (columns <= 256 ? 4 : 64)
/** In SwiftShader a workgroup is one thread of the CPU, however many it has of its own. */
const vocabWorkgroup = (vocab: number, isSoftware: boolean): number =>
  isSoftware ? 4 : vocab <= 2048 ? 32 : 256

export interface Llama {
  commands: Command[]
  /** After the verdict: keys and values of the path that was taken through a tree, and what heads will draft from. */
  afterVerdict: Command[]
  /** A draft pass of its heads, if it has some. */
  heads: Command[] | undefined
  logits: GPUBuffer
  /** Floats from one row of logits to the next. */
  logitStride: number
  attention: AttentionLimits
}

export interface LlamaOptions {
  kvType: 'f16' | 'f32'
  /** Rows may be nodes of draft trees. */
  trees?: boolean
  /** It drafts: of a tree it keeps no keys and values, and it leaves how sure it was. */
  isDraft?: boolean
  /** The target's ids as its own, for a draft of another vocabulary. */
  twins?: Uint32Array<ArrayBuffer> | undefined
  heads?: { matrices: readonly Matrix[]; planned: PlannedHeads } | undefined
  /** Replaces the text of kernels, for tests that must see a broken one fail. */
  kernels?: Partial<Record<keyof typeof kernels, Kernel>>
  /** Cuts the work up as for another device. */
  deviceProfile?: DeviceProfile
  /** Products are those of integers where the weights are such. */
  numerics?: Numerics
}

export async function buildLlama(
  gpu: Gpu,
  config: ModelConfig,
  weights: ModelWeights,
  resident: Resident,
  planned: PlannedLlama,
  options: LlamaOptions,
): Promise<Llama> {
  const builder = new LlamaBuilder(gpu, config, weights, resident, planned, options)
  const commands = (await Promise.all(builder.forward())).flat()
  const splitting = commands.find(({ label }) => label === 'attend')!
  const attention: AttentionLimits = {
    ...builder.attention.limits,
    // Asked for each pass: the self-check may refuse some.
    get tiles() {
      return splitting.variants.filter(({ tree }) => !tree).map(({ tile }) => tile)
    },
  }
  const { logits } = builder.activations
  const moves = options.trees && !options.isDraft ? await Promise.all(builder.moveKv()) : []
  const heads = options.heads && (await buildHeads(builder, options.heads.matrices, options.heads.planned))
  return {
    commands,
    afterVerdict: [...moves, ...(heads ? [heads.keep] : [])],
    heads: heads?.commands,
    logits,
    logitStride: paddedColumns(config.vocab),
    attention,
  }
}

export class LlamaBuilder {
  readonly activations: Activations
  readonly attention: Attention
  readonly projections: Projections
  readonly #ropeTables: { global: GPUBuffer; local: GPUBuffer }
  readonly #caches: GPUBuffer[]
  readonly #twins: Twins | undefined
  readonly #kernels: Record<keyof typeof kernels, Kernel>

  constructor(
    readonly gpu: Gpu,
    readonly config: ModelConfig,
    readonly weights: ModelWeights,
    readonly resident: Resident,
    planned: PlannedLlama,
    readonly options: LlamaOptions,
  ) {
    this.activations = gpu.buffers(planned.activations)
    this.#caches = planned.caches.map(cache => gpu.buffer(cache))
    this.#kernels = { ...kernels, ...options.kernels }
    const quantised = options.numerics === 'fast' ? gpu.buffer(planned.quantised!) : undefined
    const profile = options.deviceProfile ?? deviceProfile(gpu)
    const matmuls = new Matmuls(gpu, this.#kernels, resident, profile, quantised)
    this.projections = new Projections(matmuls, config)
    const model = attendModel(config, options.kvType, resident.sizes.contextLength)
    this.attention = new Attention(gpu, model, planned.attention, options.trees ?? false)
    this.#ropeTables = this.#fillRopeTables(planned)
    this.#twins = planned.twins && uploadTwins(gpu, planned.twins, options.twins!)
  }

  /** Ids that tokens are drawn from, the target's, and floats from one row of their logits to the next. */
  get #drawn(): [vocab: number, stride: number] {
    const { vocab } = this.#twins ? this.resident.sizes : this.config
    return [Math.min(vocab, this.resident.sizes.vocab), paddedColumns(vocab)]
  }

  #fillRopeTables({ ropeTable: planned, localRopeTable }: PlannedLlama): {
    global: GPUBuffer
    local: GPUBuffer
  } {
    const { gpu, config, weights } = this
    const { contextLength } = this.resident.sizes
    const { localBase, scale: _, ...rope } = config.rope
    const factors = ropeFactors(config, contextLength, weights.ropeFactors)
    const global = gpu.buffer(planned)
    gpu.device.queue.writeBuffer(global, 0, ropeTable(config.rope, contextLength, factors))
    if (!localRopeTable || localBase === undefined) return { global, local: global }
    // What stretches RoPE for long contexts leaves a window alone.
    const local = gpu.buffer(localRopeTable)
    const base = { ...rope, base: localBase }
    gpu.device.queue.writeBuffer(local, 0, ropeTable(base, contextLength, undefined))
    return { global, local }
  }

  /** One pass: tokens of the rows in, one token per sample out. */
  forward(): Array<Promise<Command | Command[]>> {
    const { hidden, normed, qkv, attended, gated, logits } = this.activations
    const { embedding, layers, outputNorm } = this.weights
    return [
      this.#embed(embedding, hidden),
      ...layers.flatMap((layer, i) => [
        ...this.#behindNorm(layer.attnNorm, [layer.q, layer.k, layer.v], (x, norm) =>
          this.projections.qkv(layer, x, qkv, norm),
        ),
        ...attentionCommands(this, this.#layerAttention(i)),
        ...this.#join(layer.output, attended, layer.attnPostNorm),
        ...this.#behindNorm(layer.ffnNorm, [layer.gate, layer.up], (x, norm) =>
          this.projections.gateUp(layer, x, gated, norm),
        ),
        ...this.#join(layer.down, gated, layer.ffnPostNorm),
      ]),
      // From here on only the rows whose next token is drawn.
      this.#norm(hidden, outputNorm, normed, { GATHER: true }),
      this.toLogits(normed),
      ...this.draw(this.options.isDraft ?? false),
      only(verifies, this.#verify(logits)),
      // Log-probabilities are those of the raw logits: computed again, the same bits, rather than kept twice.
      only(pass => wantsLogProbs(pass) && changesLogits(pass), this.toLogits(normed)),
      only(wantsLogProbs, this.#logProbs(logits)),
    ]
  }

  /** A token for each sample, from its logits. */
  draw(drafts: boolean): Array<Promise<Command | Command[]>> {
    const { logits } = this.activations
    const masks = drafts ? undefined : this.resident.masks
    return [
      only(adjustsLogits, this.#adjustLogits(logits)),
      ...(masks ? [only(isConstrained, this.#maskLogits(masks, logits))] : []),
      this.#sample(logits, drafts),
    ]
  }

  #layerAttention(layer: number): LayerAttention {
    const { unrotatedEvery } = architectureOf(this.config)
    const isGlobal = isLastOf(layer, this.config.globalEvery)
    return {
      window: isGlobal ? 0 : this.#window,
      ropeTable: isGlobal ? this.#ropeTables.global : this.#ropeTables.local,
      cache: this.#caches[layer]!,
      headWeights: this.weights.layers[layer]!.headWeights,
      rotates: !isLastOf(layer, unrotatedEvery),
    }
  }

  /** 0 where no sequence grows longer than it. */
  get #window(): number {
    const { window = 0 } = this.config
    return window < this.resident.sizes.contextLength ? window : 0
  }

  #embed(table: Matrix, hidden: GPUBuffer): Promise<Command[]> {
    const { history, params } = this.resident
    const scale = architectureOf(this.config).scalesEmbedding ? Math.sqrt(this.config.dim) : 1
    const twins = this.#twins?.table
    const ofPart = ({ format, columns, start, rows, quants, scales }: MatrixPart): Promise<Command> =>
      this.command(twins ? 'embedTwins' : 'embed', {
        params: { ...formatParams[format], CONTEXT: params.CONTEXT, SCALE: scale, TWINS: !!twins },
        buffers: [history, quants, scales, hidden],
        shape: [paddedColumns(columns) / GROUP_COLUMNS, table.rows, start, rows],
        scratch: twins ? [twins] : [],
        grid: tiles => [tiles, 1],
      })
    return Promise.all(table.parts.map(ofPart))
  }

  #norm(x: GPUBuffer, weight: GPUBuffer, y: GPUBuffer, params: Params = {}): Promise<Command> {
    const { dim, normEpsilon } = this.config
    return this.command('rmsNorm', {
      params: { ...params, WORKGROUP: rowWorkgroup(dim) },
      buffers: [x, weight, y],
      shape: [dim, paddedColumns(dim), floatBits(normEpsilon)],
      over: params.GATHER ? 'samples' : 'rows',
      grid: tiles => [tiles, 1],
    })
  }

  /** Products with matrices that read the residual stream behind a norm, which they apply themselves where they can. */
  #behindNorm(
    gain: GPUBuffer,
    matrices: readonly Matrix[],
    products: (x: GPUBuffer, norm?: Norm) => Array<Promise<Command | Command[]>>,
  ): Array<Promise<Command | Command[]>> {
    const { hidden, normed } = this.activations
    const { dim: columns, normEpsilon: epsilon } = this.config
    if (this.projections.matmuls.takesNorms(matrices)) return products(hidden, { gain, columns, epsilon })
    return [this.#norm(hidden, gain, normed), ...products(normed)]
  }

  /** The product joins the residual stream, by way of a norm where there is one. */
  #join(matrix: Matrix, x: GPUBuffer, norm: GPUBuffer | undefined): Array<Promise<Command | Command[]>> {
    const { hidden, normed } = this.activations
    if (!norm) return [this.projections.matmul(matrix, x, hidden, { epilogue: 'add' })]
    return [this.projections.matmul(matrix, x, normed), this.#norm(normed, norm, hidden, { ADD: true })]
  }

  async toLogits(x: GPUBuffer): Promise<Command[]> {
    const options = { over: 'samples', params: { LOGIT_CAP: this.config.logitCap ?? 0 } } as const
    const own = this.#twins?.logits ?? this.activations.logits
    const product = this.projections.matmul(this.weights.head, x, own, options)
    if (!this.#twins) return product
    const ordered = draftLogits(this, this.#twins, this.#drawn, this.#vocabWorkgroup)
    return [...(await product), await ordered]
  }

  moveKv(): Array<Promise<Command>> {
    const { headDim, kvHeads } = this.config
    const { verdicts, blocks, params } = this.resident
    const { BLOCK, BLOCKS_PER_SEQUENCE } = params
    const chunks = chunksOf({ headDim, kvF16: this.options.kvType === 'f16' })
    const move = async (cache: GPUBuffer): Promise<Command> => {
      const command = await this.command('moveKv', {
        params: { CHUNKS: chunks, BLOCK, BLOCKS_PER_SEQUENCE },
        buffers: [verdicts, blocks, cache],
        shape: [kvHeads],
        over: 'verdicts',
        grid: tiles => [tiles, 1],
      })
      return { ...command, when: pass => pass.verdicts.some(({ isTree }) => isTree) }
    }
    return this.#caches.map(move)
  }

  #adjustLogits(logits: GPUBuffer): Promise<Command> {
    const { history, counts, adjustments, params } = this.resident
    const { CONTEXT, VOCAB } = params
    const buffers = [history, counts, adjustments, logits]
    return this.#overLogits('adjustLogits', { CONTEXT, VOCAB, ADJUSTMENT_WORDS }, buffers)
  }

  #maskLogits(masks: GPUBuffer, logits: GPUBuffer): Promise<Command> {
    return this.#overLogits('maskLogits', { MASK_WORDS: this.resident.sizes.maskWords }, [masks, logits])
  }

  #sample(logits: GPUBuffer, drafts: boolean): Promise<Command> {
    const { sampled, history, draftProbs, supports, verdicts } = this.resident
    const buffers = [logits, sampled, history, draftProbs, supports, verdicts]
    return this.#overLogits('sample', { ...this.#samplingParams(), MARGINS: drafts }, buffers)
  }

  /** Drafts that are judged by probabilities; accept.wgsl commits what it finds. */
  #verify(logits: GPUBuffer): Promise<Command> {
    const { sampled, history, draftProbs, supports } = this.resident
    const buffers = [logits, supports, draftProbs, history, sampled]
    return this.#overLogits('verify', this.#samplingParams(), buffers, 'verdicts')
  }

  #samplingParams(): Params {
    const { params, sizes } = this.resident
    const { CONTEXT, VOCAB } = params
    return { CONTEXT, VOCAB, VERIFICATION_DEPTH: sizes.verificationDepth }
  }

  #logProbs(logits: GPUBuffer): Promise<Command> {
    const { sampled, logProbs } = this.resident
    return this.#overLogits('logProbs', { LOG_PROB_WORDS }, [logits, sampled, logProbs])
  }

  /** A workgroup for each sample, or for each verdict, along its row of logits. */
  #overLogits(
    name: keyof typeof kernels,
    params: Params,
    buffers: readonly GPUBuffer[],
    over: Command['over'] = 'samples',
  ): Promise<Command> {
    return this.command(name, {
      params: { ...params, WORKGROUP: this.#vocabWorkgroup },
      buffers,
      shape: this.#drawn,
      over,
      grid: tiles => [tiles, 1],
    })
  }

  get #vocabWorkgroup(): number {
    return vocabWorkgroup(this.resident.sizes.vocab, this.gpu.isSoftware)
  }

  async command(name: keyof typeof kernels, spec: CommandSpec): Promise<Command> {
    const kernel = this.#kernels[name]
    const { label = name, over = 'rows', scratch = [], grid, buffers, shape, params, planned } = spec
    const wanted = spec.variants ?? [{ tile: 1, params }]
    const variants = wanted.map(async ({ params: own, ...variant }) => {
      return { ...variant, pipeline: await this.gpu.pipeline(kernel, own), grid }
    })
    return {
      label,
      bindGroup: this.#bind(kernel, buffers, shape, scratch),
      over,
      variants: await Promise.all(variants),
      ...(planned ? { planned } : {}),
    }
  }

  #bind(
    kernel: Kernel,
    buffers: readonly GPUBuffer[],
    shape: readonly number[],
    scratch: readonly GPUBuffer[] = [],
  ): GPUBindGroup {
    return this.gpu.bindGroup(kernel, [
      this.resident.stepBinding,
      ...buffers,
      this.resident.shapes.binding(shape),
      ...scratch,
    ])
  }
}

async function only(
  when: NonNullable<Command['when']>,
  commands: Promise<Command | Command[]>,
): Promise<Command[]> {
  return [await commands].flat().map(command => ({ ...command, when }))
}
