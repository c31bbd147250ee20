/** Products with a model's matrices, as commands: their variants by rows, cut up as the device likes it. */
import {
  type Epilogue,
  epilogueParams,
  formatParams,
  hasIntegers,
  integerParams,
  type Kernel,
  type Params,
} from '@foretoken/shaders'
import { paddedColumns } from '@foretoken/weights'
import type { Command, Variant } from './command'
import {
  type DeviceProfile,
  GROUP_COLUMNS,
  type MatmulTile,
  type PassingRows,
  segmentGroups,
} from './device-profile'
import type { Gpu } from './gpu'
import { type PrefillVariant, prefillVariant } from './prefill-variant'
import type { Resident } from './resident'
import { floatBits } from './shape-arena'
import { type Product, type SplitVariant, splitVariants } from './split-variants'
import type { Matrix, MatrixPart } from './weight-layout'

/** An RMS norm, of so many columns. */
export interface Norm {
  gain: GPUBuffer
  columns: number
  epsilon: number
}

export interface MatmulOptions {
  /** x is as it was before this norm: the product applies it. Where `takesNorms` says so. */
  norm?: Norm | undefined
  epilogue?: Epilogue
  over?: Command['over']
  /** Of y, for output 0. */
  column?: number
  stride?: number
  second?: MatrixPart
  /** Parameters of what becomes of a value. */
  params?: Params
  /** What it reads, where that is not the matrix as it stands. */
  weights?: readonly MatrixPart[]
}

type RowKernel = 'matmul' | 'matmulRows'
export type MatmulKernels = Record<
  RowKernel | `${RowKernel}Norm` | 'matmulSplit' | 'gemm' | 'quantise',
  Kernel
>

const QUANTISE_WORKGROUP = 64

export class Matmuls {
  readonly #gpu: Gpu
  readonly #kernels: MatmulKernels
  readonly #resident: Resident
  readonly #profile: DeviceProfile
  readonly #quantised: GPUBuffer | undefined

  /** `quantised`: where x becomes integers, if products are to be those of integers wherever the weights are. */
  constructor(
    gpu: Gpu,
    kernels: MatmulKernels,
    resident: Resident,
    profile: DeviceProfile,
    quantised?: GPUBuffer | undefined,
  ) {
    this.#quantised = quantised
    this.#gpu = gpu
    this.#kernels = kernels
    this.#resident = resident
    this.#profile = profile
  }

  /** Comes before the commands of these matrices, which all read x: as it stands, or as integers. */
  async quantise(
    x: GPUBuffer,
    matrices: readonly Matrix[],
    over: Command['over'] = 'rows',
  ): Promise<Command[]> {
    const matrix = matrices.flatMap(({ parts }) => parts).find(part => this.#takesIntegers(part))
    if (!matrix) return []
    const { stepBinding, shapes } = this.#resident
    const groups = paddedColumns(matrix.columns) / GROUP_COLUMNS
    const pipeline = await this.#gpu.pipeline(this.#kernels.quantise, { WORKGROUP: QUANTISE_WORKGROUP })
    const buffers = [stepBinding, x, this.#quantised!, shapes.binding([groups])]
    const workgroups = Math.ceil(groups / QUANTISE_WORKGROUP)
    return [
      {
        label: 'quantise',
        bindGroup: this.#gpu.bindGroup(this.#kernels.quantise, buffers),
        over,
        variants: [{ tile: 1, pipeline, grid: rows => [workgroups, rows] }],
      },
    ]
  }

  #takesIntegers({ format }: MatrixPart): boolean {
    return this.#quantised !== undefined && hasIntegers(format)
  }

  /**
   * Whether products with these matrices can apply the norm before them: where lanes share their loads of x it is a
   * twentieth of their work, and saves a dispatch.
   */
  takesNorms(matrices: readonly Matrix[]): boolean {
    const { subgroups, prefill } = this.#profile.matmul
    const parts = matrices.flatMap(matrix => matrix.parts)
    return subgroups && !prefill && !parts.some(part => this.#takesIntegers(part))
  }

  /** With `second` y = activation(x times the matrix) * (x times the second). */
  async command(
    matrix: MatrixPart,
    x: GPUBuffer,
    y: GPUBuffer,
    options: MatmulOptions = {},
  ): Promise<Command> {
    const {
      epilogue = 'set',
      over = 'rows',
      column = 0,
      stride = paddedColumns(matrix.rows),
      second,
      norm,
    } = options
    const params = { ...options.params, ...epilogueParams[epilogue], ...(norm ? { NORM: true } : {}) }
    const { prefill, split } = this.#profile.matmul
    const columns = paddedColumns(matrix.columns)
    const matrices = second ? 2 : 1
    const variants = await Promise.all(this.#variants(params, matrix, matrices))
    const shape = [
      matrix.rows,
      columns / GROUP_COLUMNS,
      segmentGroups(columns),
      stride,
      column,
      matrix.firstRow,
      second ? second.firstRow : 0,
      over === 'samples' ? 1 : 0,
    ]
    const input = this.#takesIntegers(matrix) ? this.#quantised! : x
    const buffers = [matrix.quants, matrix.scales, input, y]
    const bind = (tile: number): GPUBindGroup => this.#bind(buffers, [...shape, tile], norm)
    // Samples are few, but when a prompt is scored.
    const filling =
      prefill && over === 'rows'
        ? this.#prefill(prefillVariant(prefill, this.#product(matrix, matrices)), params, matrix, matrices)
        : undefined
    return {
      label: 'matmul',
      bindGroup: bind(0),
      // Where threads share K, starting a dispatch takes longer than rows that nobody asked for.
      ...(split ? {} : { tailBindGroup: bind(variants.at(-1)!.tile) }),
      over,
      variants,
      weights: options.weights ?? (second ? [matrix, second] : [matrix]),
      ...(filling ? { prefill: await filling } : {}),
    }
  }

  #variants(more: Params, matrix: MatrixPart, matrices: number): Array<Promise<Variant>> {
    const { tiles, passing, split } = this.#profile.matmul
    if (split) {
      const variants = splitVariants(split, this.#product(matrix, matrices))
      return variants.map(variant => this.#split(variant, more, matrix, matrices))
    }
    return [
      ...tiles.map(tile => this.#tile(tile, more, matrix, matrices)),
      ...(passing ? [this.#passing(passing, more, matrix, matrices)] : []),
    ]
  }

  async #split(
    { params, tile, groups, groupsPerTile }: SplitVariant,
    more: Params,
    matrix: MatrixPart,
    matrices: number,
  ): Promise<Variant> {
    const pipeline = await this.#gpu.pipeline(this.#kernels.matmulSplit, {
      ...this.#formatParams(matrix),
      ...more,
      ...params,
      MATRICES: matrices,
      PAIRED: matrices === 2,
    })
    return { tile, pipeline, grid: count => [groups, count * groupsPerTile] }
  }

  #tile({ rows, outputs }: MatmulTile, more: Params, matrix: MatrixPart, matrices: number): Promise<Variant> {
    return this.#variant('matmul', rows, outputs, { ...more, TILE: rows }, matrix, matrices)
  }

  #passing(
    { rows, outputs, held }: PassingRows,
    more: Params,
    matrix: MatrixPart,
    matrices: number,
  ): Promise<Variant> {
    return this.#variant('matmulRows', rows, outputs, { ...more, ROWS: rows, HELD: held }, matrix, matrices)
  }

  async #variant(
    kernel: RowKernel,
    tile: number,
    outputs: number,
    params: Params,
    matrix: MatrixPart,
    matrices: number,
  ): Promise<Variant> {
    const { lanes, subgroups, plainOutputs } = this.#profile.matmul
    const most = hasIntegers(matrix.format) ? outputs : Math.min(outputs, plainOutputs)
    const perMatrix = Math.max(1, most / matrices)
    const pipeline = await this.#gpu.pipeline(
      this.#kernels[params.NORM ? (`${kernel}Norm` as const) : kernel],
      {
        ...this.#formatParams(matrix),
        ...params,
        OUTPUTS: perMatrix,
        LANES: lanes,
        // A group of integers is one load: there is nothing to share.
        SUBGROUPS: subgroups && !this.#takesIntegers(matrix),
        MATRICES: matrices,
        PAIRED: matrices === 2,
      },
    )
    const groups = Math.ceil(matrix.rows / (lanes * perMatrix))
    return { tile, pipeline, grid: count => [groups, count] }
  }

  /** The same product over the same bindings, for passes of many rows. */
  async #prefill(
    { params, tile, groups }: PrefillVariant,
    more: Params,
    matrix: MatrixPart,
    matrices: number,
  ): Promise<Variant> {
    const pipeline = await this.#gpu.pipeline(this.#kernels.gemm, {
      ...this.#formatParams(matrix),
      ...more,
      ...params,
      MATRICES: matrices,
      PAIRED: matrices === 2,
    })
    return { tile, pipeline, grid: count => [groups, count] }
  }

  #product(matrix: MatrixPart, matrices: number): Product {
    return { matrix, matrices, integers: this.#takesIntegers(matrix), limits: this.#gpu.limits }
  }

  #formatParams(matrix: MatrixPart): Params {
    return { ...formatParams[matrix.format], ...(this.#takesIntegers(matrix) ? integerParams : {}) }
  }

  #bind(buffers: readonly GPUBuffer[], shape: readonly number[], norm: Norm | undefined): GPUBindGroup {
    const { stepBinding, shapes } = this.#resident
    const kernel = this.#kernels[norm ? 'matmulNorm' : 'matmul']
    const words = norm ? [...shape, norm.columns, floatBits(norm.epsilon)] : shape
    const gain = norm ? [norm.gain] : []
    return this.#gpu.bindGroup(kernel, [stepBinding, ...buffers, shapes.binding(words), ...gain])
  }
}
