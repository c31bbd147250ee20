import { expect, it } from 'vitest'
import {
  attendShape,
  attendTiles,
  chunksOf,
  formatParams,
  type Kernel,
  kernels,
  kernelText,
  mergeParams,
  type Params,
} from './index'
import { openDevice } from './reference/run-kernel'

/** Every combination of the values. */
function combine(choices: Record<string, readonly (number | boolean)[]>): Params[] {
  return Object.entries(choices).reduce<Params[]>(
    (all, [name, values]) => all.flatMap(params => values.map(value => ({ ...params, [name]: value }))),
    [{}],
  )
}

const product = (left: readonly Params[], right: readonly Params[]) =>
  left.flatMap(a => right.map(b => ({ ...a, ...b })))

const bools = [false, true]
const formats = Object.values(formatParams)
const kvParams: Params[] = [8, 64, 128, 256].flatMap(headDim =>
  bools.map(kvF16 => ({ HEAD_DIM: headDim, KV_F16: kvF16, CHUNKS: chunksOf({ headDim, kvF16 }) })),
)
/** Models whose shapes differ, in every variant of the kernel. */
const attendParams = [
  { heads: 3, kvHeads: 1, headDim: 64, kvF16: true },
  { heads: 7, kvHeads: 1, headDim: 128, kvF16: false },
  { heads: 14, kvHeads: 2, headDim: 512, kvF16: false },
  { heads: 71, kvHeads: 1, headDim: 6, kvF16: true },
].flatMap(sizes => {
  const model = { ...sizes, blocksPerSequence: 8 }
  return bools.flatMap(software =>
    attendTiles(model, software).flatMap(rows =>
      bools.flatMap(walk => bools.map(tree => attendShape(model, { rows, walk, tree }, software)!.params)),
    ),
  )
})

const attendAppendingParams = product(
  [
    { heads: 3, kvHeads: 1, headDim: 64, kvF16: true },
    { heads: 8, kvHeads: 4, headDim: 6, kvF16: false },
  ].map(
    model =>
      attendShape(
        { ...model, blocksPerSequence: 8 },
        { rows: 1, walk: true, tree: false, append: true },
        true,
      )!.params,
  ),
  product(combine({ NEOX: bools, ROPE_DIM: [4, 6] }), [
    {},
    { QKV_BIAS: true, ROTATES: false },
    { QK_NORM: true },
  ]),
)

const matmulParams = product(
  combine({ TILE: [1, 3, 8], OUTPUTS: [1, 4] }),
  product([{ SUBGROUPS: false }, { SUBGROUPS: true }], [{}, { PAIRED: true, MATRICES: 2 }]),
)

const matmulSplitParams = product(
  combine({ TILE: [1, 3], OUTPUTS: [1, 2] }),
  product(
    [{ AHEAD: 1 }, { AHEAD: 4, EVEN: true, RAGGED: true }].map(params => ({
      ...params,
      SLICES: 16,
      LANES: 8,
    })),
    [{}, { PAIRED: true, MATRICES: 2 }],
  ),
)

const matmulRowsParams = product(combine({ SUBGROUPS: bools, HELD: [1, 4] }), [
  {},
  { PAIRED: true, MATRICES: 2 },
])

/** Those of them that can norm what they read. */
const norming = (variants: readonly Params[]): Params[] =>
  variants.filter(({ SUBGROUPS }) => SUBGROUPS).map(params => ({ ...params, NORM: true }))

const gemmParams = product(combine({ SLICE: [1, 2] }), [{}, { BN: 32, TN: 2, PAIRED: true, MATRICES: 2 }])

const variants: [Kernel, readonly Params[]][] = [
  [kernels.embed, formats],
  [kernels.embedTwins, product(formats, [{ TWINS: true }])],
  [kernels.quantise, combine({ WORKGROUP: [4, 64] })],
  [kernels.draftLogits, combine({ SPAN: [4096] })],
  [kernels.maskLogits, combine({ MASK_WORDS: [16, 4009] })],
  [kernels.rmsNorm, combine({ GATHER: bools })],
  [kernels.matmul, product(formats, matmulParams)],
  [kernels.matmulSplit, product(formats, matmulSplitParams)],
  [kernels.matmulRows, product(formats, matmulRowsParams)],
  [kernels.matmulNorm, product(formats, norming(matmulParams))],
  [kernels.matmulRowsNorm, product(formats, norming(matmulRowsParams))],
  [kernels.gemm, product(formats, gemmParams)],
  [kernels.ropeAppend, product(kvParams, combine({ NEOX: bools, ROPE_DIM: [4, 8], ROTATES: bools }))],
  [kernels.attend, attendParams],
  [kernels.attendAppending, attendAppendingParams],
  [kernels.merge, [8, 64, 512].map(headDim => mergeParams({ headDim }))],
  [kernels.adjustLogits, combine({ CONTEXT: [512, 8192], VOCAB: [512, 128_256] })],
  [kernels.sample, combine({ CONTEXT: [512, 8192], VERIFICATION_DEPTH: [0, 16], MARGINS: bools })],
  [kernels.verify, combine({ VOCAB: [512, 128_256], VERIFICATION_DEPTH: [0, 16] })],
  [kernels.logProbs, combine({ WORKGROUP: [32, 256] })],
  [kernels.accept, combine({ CONTEXT: [512, 8192], VOCAB: [512, 128_256] })],
  [kernels.keepState, [{}]],
  [kernels.headInput, [{}]],
  [kernels.headState, [{}]],
  [kernels.stream, combine({ LOADS: [4, 16] })],
]

it.for(variants)(
  '$name compiles in every variant, without a warning',
  async ([kernel, paramSets], { skip }) => {
    const device = await openDevice()
    const hasSubgroups = device.features.has('subgroups')
    const possible = paramSets.filter(({ SUBGROUPS }) => hasSubgroups || !SUBGROUPS)
    skip(possible.length === 0, 'only with subgroups')
    for (const params of possible) {
      const code = kernelText(kernel, params)
      const { messages } = await device.createShaderModule({ code }).getCompilationInfo()
      const texts = messages.map(m => `${m.type} ${m.message}: ${code.split('\n')[m.lineNum - 1]}`)
      expect(texts, JSON.stringify(params)).toEqual([])
    }
  },
)

/** Of kernels that bind more by a parameter. */
const kernelParams = new Map<Kernel, Params>([
  [kernels.embedTwins, { TWINS: true }],
  [kernels.matmulNorm, { NORM: true, SUBGROUPS: true }],
  [kernels.matmulRowsNorm, { NORM: true, SUBGROUPS: true }],
])

it.each(Object.values(kernels))('$name keeps within the guaranteed limits', kernel => {
  const storage = kernel.bindings.filter(kind => kind !== 'uniform')
  expect(storage.length).toBeLessThanOrEqual(8)
  const text = kernelText(kernel, kernelParams.get(kernel) ?? {})
  const declared = [...text.matchAll(/@binding\((\d)\) var<(\w+)(?:, (\w+))?>/g)]
  declared.sort(([, a], [, b]) => Number(a) - Number(b))
  const kinds = declared.map(([, , space, access]) => (space === 'uniform' ? 'uniform' : access))
  expect(kinds).toEqual(
    kernel.bindings.map(
      kind => ({ step: 'read', read: 'read', write: 'read_write', uniform: 'uniform' })[kind],
    ),
  )
})
