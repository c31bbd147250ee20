/** A layer's products with its matrices, as commands: which of them share a dispatch, and what they read. */
import { paddedColumns, rowsPerTile } from '@foretoken/weights'
import { architectureOf } from './architectures'
import type { Command } from './command'
import { qkvColumns } from './llama-buffers'
import type { MatmulOptions, Matmuls, Norm } from './matmuls'
import type { ModelConfig } from './model-config'
import type { LayerWeights } from './model-weights'
import type { Matrix, MatrixPart } from './weight-layout'

export class Projections {
  constructor(
    readonly matmuls: Matmuls,
    readonly config: ModelConfig,
  ) {}

  /** y = x times the matrix. */
  async matmul(matrix: Matrix, x: GPUBuffer, y: GPUBuffer, options: MatmulOptions = {}): Promise<Command[]> {
    const quantise = this.matmuls.quantise(x, [matrix], options.over)
    return (await Promise.all([quantise, this.#product(matrix, x, y, options)])).flat()
  }

  /** Of x as it was left for products: each part of the matrix into its own columns. */
  #product(matrix: Matrix, x: GPUBuffer, y: GPUBuffer, options: MatmulOptions = {}): Promise<Command[]> {
    const { column = 0, stride = paddedColumns(matrix.rows) } = options
    const ofPart = (part: MatrixPart): Promise<Command> =>
      this.matmuls.command(part, x, y, { ...options, column: column + part.start, stride })
    return Promise.all(matrix.parts.map(ofPart))
  }

  /** One dispatch where the three lie in one buffer with no rows of padding between them. */
  qkv(
    { q, k, v }: LayerWeights,
    x: GPUBuffer,
    y: GPUBuffer,
    norm: Norm | undefined,
  ): Array<Promise<Command | Command[]>> {
    const stride = paddedColumns(qkvColumns(this.config))
    const [first, second, third] = [q.parts[0]!, k.parts[0]!, v.parts[0]!]
    const isSeamless = [q.rows, k.rows].every(rows => rows % rowsPerTile === 0)
    const quantise = this.matmuls.quantise(x, [q, k, v])
    if (first.quants === second.quants && second.quants === third.quants && isSeamless) {
      const all = { ...first, rows: q.rows + k.rows + v.rows }
      return [quantise, this.matmuls.command(all, x, y, { norm, stride, weights: [first, second, third] })]
    }
    return [
      quantise,
      this.#product(q, x, y, { norm, stride }),
      this.#product(k, x, y, { norm, stride, column: q.rows }),
      this.#product(v, x, y, { norm, stride, column: q.rows + k.rows }),
    ]
  }

  /** y = activation(x times gate) * (x times up), in one dispatch where the two lie in one buffer. */
  gateUp(
    { gate, up }: LayerWeights,
    x: GPUBuffer,
    y: GPUBuffer,
    norm: Norm | undefined,
  ): Array<Promise<Command[]>> {
    const params = { GELU: architectureOf(this.config).activation === 'gelu' }
    // Only matrices of one part each share buffers.
    const second = up.parts[0]!
    const quantise = this.matmuls.quantise(x, [gate, up])
    if (gate.parts[0]!.quants === second.quants)
      return [quantise, this.#product(gate, x, y, { norm, second, params })]
    return [
      quantise,
      this.#product(up, x, y, { norm }),
      this.#product(gate, x, y, { norm, epilogue: 'gate', params }),
    ]
  }
}
