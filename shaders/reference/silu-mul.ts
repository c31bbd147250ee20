/** gate[row, i] = silu(gate[row, i]) * up[row, i]: silu-mul.wgsl. */
export interface SiluMulSizes {
  numRows: number
  columns: number
  stride: number
}

export function siluMul(
  gate: Float32Array, // [rows, stride]
  up: Float32Array, // [rows, stride]
  { numRows, columns, stride }: SiluMulSizes,
): void {
  for (let row = 0; row < numRows; row++) {
    for (let at = row * stride; at < row * stride + columns; at++) {
      const g = gate[at]!
      gate[at] = Math.fround(g / (1 + Math.exp(Math.min(-g, 80)))) * up[at]!
    }
  }
}
