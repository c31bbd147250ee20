/** x as 16 int8 and a scale per group of 16 columns, as products of integers read it: quantise.wgsl. */
import { GROUP_COLUMNS } from './weight-format'
import { bitcastU32, roundToEven } from './wgsl-builtins'

export interface QuantisedRow {
  numbers: Int8Array
  /** Per group. */
  scales: Float32Array
  /** Per group: the sum of its numbers, scaled. */
  sums: Float32Array
}

const TINIEST = 1e-30

export function quantiseRow(x: Float32Array): QuantisedRow {
  const numGroups = x.length / GROUP_COLUMNS
  const row = {
    numbers: new Int8Array(x.length),
    scales: new Float32Array(numGroups),
    sums: new Float32Array(numGroups),
  }
  for (let group = 0; group < numGroups; group++) {
    const values = x.subarray(group * GROUP_COLUMNS, (group + 1) * GROUP_COLUMNS)
    const top = Math.max(...values.map(Math.abs))
    const inverse = top > TINIEST ? Math.fround(127 / top) : 0
    const numbers = values.map(value => roundToEven(Math.fround(value * inverse)))
    row.numbers.set(numbers, group * GROUP_COLUMNS)
    row.scales[group] = top * Math.fround(1 / 127)
    row.sums[group] = row.scales[group]! * numbers.reduce((sum, number) => sum + number, 0)
  }
  return row
}

/** As the kernel stores it: [rows, groups, 8 words]. */
export function quantiseRows(x: Float32Array, columns: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(x.length / 2)
  const bytes = new Int8Array(words.buffer)
  for (let first = 0; first < x.length; first += columns) {
    const { numbers, scales, sums } = quantiseRow(x.subarray(first, first + columns))
    for (const [group, scale] of scales.entries()) {
      const at = first / 2 + group * 8
      bytes.set(numbers.subarray(group * GROUP_COLUMNS, (group + 1) * GROUP_COLUMNS), at * 4)
      words[at + 4] = bitcastU32(scale)
      words[at + 5] = bitcastU32(sums[group]!)
    }
  }
  return words
}
