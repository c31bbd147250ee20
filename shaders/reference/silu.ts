/** x times its sigmoid, as in matmul.wgsl. */
export const silu = (x: number): number => Math.fround(x / (1 + Math.exp(Math.min(-x, 80))))
