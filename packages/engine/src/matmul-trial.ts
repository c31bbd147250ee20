/**
 * The matrices of a model's shape, multiplied as a model multiplies them and timed by kind. There is no model: all
 * matrices lie in one pool, and each round walks over more of it than caches hold. For benches.
 */

import { EngineError } from '@foretoken/errors'
import type { Pass } from '@foretoken/scheduler'
import { kernels, type WeightFormat } from '@foretoken/shaders'
import { BufferPlan, type PlannedBuffer } from './buffer-plan'
import type { Command } from './command'
import { CommandTimer, weightBytes } from './command-timer'
import { type DeviceProfile, deviceProfile, type PrefillTile, type SplitTile } from './device-profile'
import { Gpu, largestBinding } from './gpu'
import { GpuTimer } from './gpu-timer'
import { buildLlama } from './llama'
import type { Activations, Numerics } from './llama-buffers'
import { Matmuls } from './matmuls'
import { type MemoryPlan, planMemory } from './memory-plan'
import type { ModelConfig } from './model-config'
import type { LayerWeights, ModelWeights } from './model-weights'
import { Projections } from './projections'
import { createResident } from './resident'
import { Runner } from './runner'
import { Trial } from './trial'
import type { Matrix, MatrixPart } from './weight-layout'
import { type MatrixGroup, WeightPool } from './weight-pool'

export type MatrixShape = Pick<ModelConfig, 'dim' | 'heads' | 'kvHeads' | 'headDim' | 'ffn' | 'vocab'>

/** Matrices that read the same input, and their output rows together. */
export const matrixKinds = ['qkv', 'out', 'gate-up', 'down', 'head'] as const
export type MatrixKind = (typeof matrixKinds)[number]

export const MAX_TRIAL_ROWS = 32
const ROUNDS = 3
const PROMPT_ROWS = 256

/** Beyond a GPU's caches. */
const POOL_BYTES = 160 * 2 ** 20
const MAX_LAYERS = 256
/** A CPU's memory keeps up with what it computes: no need to fill it. */
const SOFTWARE_LAYERS = 4
const CONTEXT = 320
/** A head that is not asked for. */
const SMALL_VOCAB = 64

interface Parts {
  runner: Runner
  trial: Trial
  config: ModelConfig
  weights: ModelWeights
  activations: Activations
  groups: Record<MatrixKind, MatrixGroup>
  commands: Record<MatrixKind, Command[]>
}

export class MatmulTrial {
  readonly #parts: Parts
  readonly #timers = new Map<string, CommandTimer>()

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Opens a device of its own. Throws `out-of-memory` where a matrix is too large for it. */
  static async open(
    shape: MatrixShape,
    format: WeightFormat,
    { kinds = matrixKinds, numerics = 'exact' }: { kinds?: readonly MatrixKind[]; numerics?: Numerics } = {},
  ): Promise<MatmulTrial> {
    const gpu = await Gpu.open({ timestamps: true })
    try {
      const vocab = kinds.includes('head') ? shape.vocab : SMALL_VOCAB
      return new MatmulTrial(await build(gpu, { ...shape, vocab }, format, numerics))
    } catch (error) {
      gpu.destroy()
      throw error
    }
  }

  /** Output rows, columns and bytes of the kind's matrices. */
  size(kind: MatrixKind): { n: number; k: number; bytes: number } {
    const { rows, columns } = this.#parts.groups[kind]
    const bytes = this.#parts.commands[kind].reduce((sum, command) => sum + weightBytes(command), 0)
    return { n: rows.reduce((sum, count) => sum + count, 0), k: columns, bytes: bytes / this.#copies(kind) }
  }

  /** Tiles that could multiply a single row. */
  tiles(kind: MatrixKind): number[] {
    const product = this.#parts.commands[kind].find(({ weights }) => weights)!
    return product.variants.map(({ tile }) => tile)
  }

  /**
   * Microseconds for the kind's matrices once, from memory rather than from a cache. `tile`: with that variant instead
   * of what the engine would take for so many rows.
   */
  async time(kind: MatrixKind, numRows: number, tile?: number): Promise<number> {
    const key = `${kind} ${numRows} ${tile}`
    const timer = this.#timers.get(key) ?? this.#timer(kind, numRows, tile)
    this.#timers.set(key, timer)
    return ((await timer.time()) * 1000) / this.#copies(kind)
  }

  /** The same by matmul-split.wgsl in each of these tiles alone; undefined where a workgroup has no room for one. */
  timeTiles(
    kind: MatrixKind,
    numRows: number,
    tiles: readonly SplitTile[],
  ): Promise<Array<number | undefined>> {
    const cuts = tiles.map(tile => ({
      split: [{ upTo: Number.POSITIVE_INFINITY, tiles: [tile] }],
      prefill: undefined,
    }))
    return this.#timeCuts(kind, this.#parts.trial.verify(numRows - 1), cuts)
  }

  /** The same by gemm.wgsl, as a prompt of so many rows takes it. Not of heads: of a prompt they read the last row. */
  timePrefill(
    kind: Exclude<MatrixKind, 'head'>,
    numRows: number,
    tiles: readonly PrefillTile[],
  ): Promise<Array<number | undefined>> {
    const cuts = tiles.map(tile => ({ prefill: [{ upTo: Number.POSITIVE_INFINITY, tile }] }))
    return this.#timeCuts(kind, this.#parts.trial.prompt(numRows), cuts)
  }

  /** The best of a few rounds. All are compiled first, side by side. */
  async #timeCuts(
    kind: MatrixKind,
    pass: Pass,
    cuts: ReadonlyArray<Partial<DeviceProfile['matmul']>>,
  ): Promise<Array<number | undefined>> {
    const { runner, trial } = this.#parts
    const compiled = await Promise.all(cuts.map(cut => Promise.all(this.#commandsOf(kind, cut))))
    const timers = compiled.map(commands => {
      const all = commands.flat()
      const hasRoom = all.every(({ variants }) => variants.length > 0)
      return hasRoom ? new CommandTimer(runner, trial.step(pass), all) : undefined
    })
    const best = timers.map(timer => (timer ? Number.POSITIVE_INFINITY : undefined))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, timer] of timers.entries()) {
        if (timer) best[i] = Math.min(best[i]!, ((await timer.time()) * 1000) / this.#copies(kind))
      }
    }
    return best
  }

  #commandsOf(kind: MatrixKind, cut: Partial<DeviceProfile['matmul']>): Array<Promise<Command | Command[]>> {
    const { runner, config, weights, activations } = this.#parts
    const { normed, qkv, attended, hidden, gated, logits } = activations
    const profile = { matmul: { ...deviceProfile(runner.gpu).matmul, ...cut } }
    const matmuls = new Matmuls(runner.gpu, kernels, runner.resident, profile)
    const projections = new Projections(matmuls, config)
    if (kind === 'head') return [projections.matmul(weights.head, normed, logits, { over: 'samples' })]
    return weights.layers.flatMap(layer => {
      if (kind === 'qkv') return projections.qkv(layer, normed, qkv, undefined)
      if (kind === 'gate-up') return projections.gateUp(layer, normed, gated, undefined)
      const [matrix, x] = kind === 'out' ? [layer.output, attended] : [layer.down, gated]
      return [projections.matmul(matrix, x, hidden, { epilogue: 'add' })]
    })
  }

  dispose(): void {
    this.#parts.runner.gpu.destroy()
  }

  #copies(kind: MatrixKind): number {
    const inGroup = this.#parts.groups[kind].rows.length
    const matrices = this.#parts.commands[kind].reduce((sum, { weights = [] }) => sum + weights.length, 0)
    return matrices / inGroup
  }

  #timer(kind: MatrixKind, numRows: number, tile: number | undefined): CommandTimer {
    const only = ({ variants, ...command }: Command): Command => ({
      ...command,
      variants: variants.filter(variant => !command.weights || tile === undefined || variant.tile === tile),
    })
    const { runner, trial, commands } = this.#parts
    return new CommandTimer(runner, trial.step(trial.verify(numRows - 1)), commands[kind].map(only))
  }
}

async function build(gpu: Gpu, shape: MatrixShape, format: WeightFormat, numerics: Numerics): Promise<Parts> {
  const groups = groupsOf(shape)
  const pool = await WeightPool.create(gpu, format, Object.values(groups), gpu.isSoftware ? 0 : POOL_BYTES)
  const { head: _, ...ofLayer } = groups
  const enough = Math.max(...Object.values(ofLayer).map(group => pool.capacity(group)))
  const numLayers = gpu.isSoftware ? SOFTWARE_LAYERS : Math.min(MAX_LAYERS, enough)
  const config = configOf(shape, numLayers)
  const norm = new BufferPlan().add('norm', shape.dim * 4, 'weights')
  const take = (kind: MatrixKind, i: number): Matrix[] => pool.matrices(groups[kind], i)
  const matrices = matrixKinds.flatMap(kind =>
    Array.from({ length: kind === 'head' ? 1 : numLayers }, (_, i) => take(kind, i)).flat(),
  )
  const plan = await allocate(gpu, config, matrices, norm, numerics)
  const { weights, kindOf } = weightsOf(gpu, take, gpu.buffer(norm), numLayers)
  const { sizes, stepData, readbacks, timers } = plan
  const resident = createResident(gpu, plan.resident, sizes, stepData)
  const llama = await buildLlama(gpu, config, weights, resident, plan.llamas[0]!, { kvType: 'f16', numerics })
  const runner = await Runner.create(gpu, resident, stepData, [llama], readbacks, {
    timers: timers.map(timer => new GpuTimer(gpu, timer)),
  })
  const trial = new Trial(runner, shape.vocab, { context: 1, maxRows: PROMPT_ROWS })
  // Whole passes leave numbers in all activations: zeros would be cheap to multiply on some devices.
  await trial.time(gpu.isSoftware ? trial.verify(MAX_TRIAL_ROWS - 1) : trial.prompt(PROMPT_ROWS))
  const activations = gpu.buffers(plan.llamas[0]!.activations)
  const commands = commandsByKind(llama.commands, kindOf)
  return { runner, trial, config, weights, activations, groups, commands }
}

/** What a model around these matrices needs beside them. */
async function allocate(
  gpu: Gpu,
  config: ModelConfig,
  matrices: readonly Matrix[],
  norm: PlannedBuffer,
  numerics: Numerics,
): Promise<MemoryPlan> {
  const named = matrices.map((matrix, i) => [String(i), matrix] as const)
  const layout = { matrices: new Map(named), buffers: [] }
  const { plan, shortage } = planMemory({
    models: [{ config, layout }],
    maxConcurrent: 1,
    contextLength: CONTEXT,
    kvType: 'f16',
    numerics,
    maxBufferBytes: largestBinding(gpu.limits),
    isSoftware: gpu.isSoftware,
    timestamps: gpu.device.features.has('timestamp-query'),
  })
  const refused = shortage ?? (await gpu.allocate([...plan.buffers, norm]))
  if (refused) throw new EngineError('out-of-memory', refused.message, { ...refused })
  return plan
}

function groupsOf({
  dim,
  heads,
  kvHeads,
  headDim,
  ffn,
  vocab,
}: MatrixShape): Record<MatrixKind, MatrixGroup> {
  return {
    qkv: { rows: [heads * headDim, kvHeads * headDim, kvHeads * headDim], columns: dim },
    out: { rows: [dim], columns: heads * headDim },
    'gate-up': { rows: [ffn, ffn], columns: dim },
    down: { rows: [dim], columns: ffn },
    head: { rows: [vocab], columns: dim },
  }
}

function weightsOf(
  gpu: Gpu,
  matricesOf: (kind: MatrixKind, i: number) => Matrix[],
  norm: GPUBuffer,
  numLayers: number,
) {
  const kindOf = new Map<MatrixPart, MatrixKind>()
  const take = (kind: MatrixKind, i: number): Matrix[] => {
    const matrices = matricesOf(kind, i)
    for (const { parts } of matrices) kindOf.set(parts[0]!, kind)
    return matrices
  }
  gpu.device.queue.writeBuffer(norm, 0, new Float32Array(norm.size / 4).fill(1))
  const layers = Array.from({ length: numLayers }, (_, i): LayerWeights => {
    const [q, k, v] = take('qkv', i)
    const [gate, up] = take('gate-up', i)
    const [output] = take('out', i)
    const [down] = take('down', i)
    return {
      attnNorm: norm,
      ffnNorm: norm,
      q: q!,
      k: k!,
      v: v!,
      output: output!,
      gate: gate!,
      up: up!,
      down: down!,
    }
  })
  const [head] = take('head', 0)
  const weights = { embedding: head!, layers, outputNorm: norm, head: head!, ropeFactors: new Map() }
  return { weights, kindOf }
}

function configOf(shape: MatrixShape, layers: number): ModelConfig {
  const rope = { dim: shape.headDim, base: 10_000, neox: false }
  const attentionScale = 1 / Math.sqrt(shape.headDim)
  const rest = { context: CONTEXT, normEpsilon: 1e-5, attentionScale, rope }
  return { ...shape, architecture: 'llama', layers, ...rest }
}

/**
 * The commands that every pass runs: a head that only some passes need is the same once more. What makes integers of x
 * belongs to the product that comes next.
 */
function commandsByKind(
  commands: readonly Command[],
  kindOf: ReadonlyMap<MatrixPart, MatrixKind>,
): Record<MatrixKind, Command[]> {
  const byKind: Record<MatrixKind, Command[]> = { qkv: [], out: [], 'gate-up': [], down: [], head: [] }
  let before: Command[] = []
  for (const command of commands) {
    if (command.when) continue
    if (command.label === 'quantise') before.push(command)
    const kind = command.weights?.[0] && kindOf.get(command.weights[0])
    if (!kind) continue
    byKind[kind].push(...before, command)
    before = []
  }
  return byKind
}
