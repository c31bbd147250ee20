import { invariant } from '@foretoken/errors'

/** Element types of a tensor that the engine can use. */
export type TensorType =
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'q8_0'
  | 'q4_0'
  | 'q4_1'
  | 'q5_0'
  | 'q5_1'
  | 'q4_k'
  | 'q5_k'
  | 'q6_k'

interface Block {
  /** GGML's number for the type, as it stands in a GGUF file. */
  ggmlId: number
  /** Consecutive elements of a row that are stored together. */
  elements: number
  bytes: number
}

/**
 * A q block is an f16 scale, then 32 int8 (q8_0) or 16 bytes of two nibbles (q4_0); the others are told of in
 * affine-blocks.ts. Source: GGML.
 */
export const tensorTypes: Record<TensorType, Block> = {
  f32: { ggmlId: 0, elements: 1, bytes: 4 },
  f16: { ggmlId: 1, elements: 1, bytes: 2 },
  bf16: { ggmlId: 30, elements: 1, bytes: 2 },
  q8_0: { ggmlId: 8, elements: 32, bytes: 34 },
  q4_0: { ggmlId: 2, elements: 32, bytes: 18 },
  q4_1: { ggmlId: 3, elements: 32, bytes: 20 },
  q5_0: { ggmlId: 6, elements: 32, bytes: 22 },
  q5_1: { ggmlId: 7, elements: 32, bytes: 24 },
  q4_k: { ggmlId: 12, elements: 256, bytes: 144 },
  q5_k: { ggmlId: 13, elements: 256, bytes: 176 },
  q6_k: { ggmlId: 14, elements: 256, bytes: 210 },
}

export const supportedTypes = Object.keys(tensorTypes) as TensorType[]

export const isQuantised = (type: TensorType) => tensorTypes[type].elements > 1

/** Bytes of one row of `columns` elements in the file. `columns` is a multiple of the block size. */
export function rowBytes(type: TensorType, columns: number): number {
  const block = tensorTypes[type]
  invariant(columns % block.elements === 0, () => `a ${type} row of ${columns} columns is no whole block`)
  return (columns / block.elements) * block.bytes
}

export const typeOfGgmlId = (id: number) => supportedTypes.find(type => tensorTypes[type].ggmlId === id)

const ggmlNames: Record<number, string> = {
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}

/** GGML's name of a type, for messages. */
export function ggmlTypeName(id: number): string {
  return typeOfGgmlId(id)?.toUpperCase() ?? ggmlNames[id] ?? String(id)
}
