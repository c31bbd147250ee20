/** Matrices of any quantised type of GGUF, those that this project does not write among them: blocks at random. */
import { encodeRows, GgufReader, rowBytes, type WrittenTensor, writeGguf } from '@foretoken/weights'
import { mulberry32 } from './random-model'

/** The spread of a weight, and of a number that is drawn evenly from 4, 5 bits; of six times a signed byte. */
const spread = 1 / 16
const [of4, of5, of6, of8] = [spread / 4.6, spread / 9.2, spread / 18.5 / 74, spread / 74]
/** The mean of the 6 bits that K types multiply by. */
const mean = 31.5

/** The f16 numbers of a block, by the byte at which they stand: such that weights are about 0. */
const halves = {
  q8_0: { 0: of8 },
  q4_0: { 0: of4 },
  q4_1: { 0: of4, 2: -7.5 * of4 },
  q5_0: { 0: of5 },
  q5_1: { 0: of5, 2: -15.5 * of5 },
  q4_k: { 0: of4 / mean, 2: (7.5 * of4) / mean },
  q5_k: { 0: of5 / mean, 2: (15.5 * of5) / mean },
  q6_k: { 208: of6 },
}
export type BlockType = keyof typeof halves

/** The small file with every matrix that `typeOf` names drawn anew in that type; everything else is as it was. */
export async function withRandomBlocks(
  source: Blob,
  seed: number,
  typeOf: (name: string) => BlockType,
): Promise<Blob> {
  const random = mulberry32(seed)
  const reader = await GgufReader.open(source)
  const tensors: WrittenTensor[] = []
  for await (const { tensor, numRows, data } of reader.rows()) {
    const { name, rows, columns } = tensor
    if (numRows < rows) throw new Error(`${name} is too large to be drawn at once.`)
    if (rows === 1) tensors.push({ name, type: tensor.type, dims: [columns], data: data.slice() })
    else {
      const type = typeOf(name)
      const blocks = randomBlocks(random, type, rows * rowBytes(type, columns))
      tensors.push({ name, type, dims: [columns, rows], data: blocks })
    }
  }
  return new Blob([writeGguf({ metadata: reader.metadata, tensors })])
}

/** Whole blocks of the type. */
export function randomBlocks(random: () => number, type: BlockType, bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes).map(() => random() * 256)
  const blockBytes = rowBytes(type, type.endsWith('_k') ? 256 : 32)
  for (let at = 0; at < bytes; at += blockBytes) {
    for (const [place, value] of Object.entries(halves[type])) {
      data.set(encodeRows('f16', Float32Array.of(value)), at + Number(place))
    }
  }
  return data
}
