/**
 * Medusa heads (Cai et al., 2401.10774) as commands: from the target's state that a sequence's last token was drawn from,
 * head i makes h + silu(W_i h), and the target's own output matrix logits of that.
 */
import { EngineError } from '@foretoken/errors'
import { netOf, type Pass } from '@foretoken/scheduler'
import { paddedColumns, type TensorInfo } from '@foretoken/weights'
import { BufferPlan, type PlannedBuffer } from './buffer-plan'
import type { Command } from './command'
import type { LlamaBuilder } from './llama'
import type { Sizes } from './resident'
import { type Matrix, planMatrix, type WeightLayout } from './weight-layout'

export interface PlannedHeads {
  states: PlannedBuffer // [sequences, dim]
  input: PlannedBuffer // [rows, dim]
  products: PlannedBuffer // [rows, heads, dim]
  output: PlannedBuffer // [samples, dim]
}

export interface Heads {
  /** A draft pass. */
  commands: Command[]
  /** After the verdict. */
  keep: Command
}

const MAX_HEADS = 8
export const headName = (i: number): string => `medusa.${i}.weight`

/** Throws `bad-model` where the tensors are not those of heads for a model of this width. */
export function layOutHeads(
  tensors: readonly TensorInfo[],
  dim: number,
  maxBufferBytes: number,
): WeightLayout & { numHeads: number } {
  const numHeads = tensors.length
  if (numHeads < 1 || numHeads > MAX_HEADS) {
    throw new EngineError(
      'bad-model',
      `The file of heads holds ${numHeads} tensors; 1 to ${MAX_HEADS} can be used.`,
      {
        expected: `1 to ${MAX_HEADS}`,
        found: numHeads,
      },
    )
  }
  const plan = new BufferPlan()
  const matrices = new Map<string, Matrix<PlannedBuffer>>()
  for (let i = 0; i < numHeads; i++) {
    const name = headName(i)
    const tensor = tensors.find(each => each.name === name)
    if (tensor?.rows !== dim || tensor.columns !== dim) {
      const found = tensor ? `${tensor.rows} x ${tensor.columns}` : 'missing'
      throw new EngineError(
        'bad-model',
        `Head tensor "${name}" is ${found}; the model needs ${dim} x ${dim}.`,
        {
          tensor: name,
          expected: [dim, dim],
          found: tensor ? [tensor.rows, tensor.columns] : null,
        },
      )
    }
    matrices.set(name, planMatrix(plan, tensor, maxBufferBytes))
  }
  return {
    numHeads,
    matrices,
    vectors: new Map(),
    buffers: plan.buffers,
    numParameters: numHeads * dim * dim,
  }
}

/** Off is free: nothing is kept for those who never ask. */
const mayAskHeads = ({ verdicts }: Pass): boolean =>
  verdicts.some(({ sequence: { request } }) => {
    const wish = request.speculation
    return wish === 'auto' || (wish !== 'off' && netOf(wish.method) === 'heads')
  })

export function planHeads(plan: BufferPlan, dim: number, sizes: Sizes, numHeads: number): PlannedHeads {
  const stride = paddedColumns(dim)
  const { maxConcurrent, maxSamples } = sizes
  const rows = (label: string, count: number) => plan.add(label, count * stride * 4, 'work')
  return {
    states: rows('head states', maxConcurrent),
    input: rows('head input', maxConcurrent),
    products: rows('head products', maxConcurrent * numHeads),
    output: rows('head output', maxSamples),
  }
}

export async function buildHeads(
  builder: LlamaBuilder,
  matrices: readonly Matrix[],
  planned: PlannedHeads,
): Promise<Heads> {
  const { states, input, products, output } = builder.gpu.buffers({ ...planned })
  const { normed } = builder.activations
  const { verdicts } = builder.resident
  const stride = paddedColumns(builder.config.dim)
  const shape = [stride, matrices.length]
  const one = (tiles: number) => [tiles, 1] as const
  const commands = await Promise.all([
    builder.command('headInput', { params: {}, buffers: [states, input], shape, grid: one }),
    ...matrices.map((matrix, i) =>
      builder.projections.matmul(matrix, input, products, {
        column: i * stride,
        stride: matrices.length * stride,
      }),
    ),
    builder.command('headState', {
      params: {},
      buffers: [input, products, output],
      shape,
      over: 'samples',
      grid: one,
    }),
    builder.toLogits(output),
    ...builder.draw(true),
  ])
  const keep = await builder.command('keepState', {
    params: {},
    buffers: [verdicts, normed, states],
    shape,
    over: 'verdicts',
    grid: one,
  })
  return { commands: commands.flat(), keep: { ...keep, when: mayAskHeads } }
}
