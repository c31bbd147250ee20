/** What a gate makes of its value, as in activation.wgsl: x times its sigmoid. */
export const silu = (x: number): number => Math.fround(x / (1 + Math.exp(Math.min(-x, 80))))

/** By its tanh form. */
export const gelu = (x: number): number =>
  Math.fround(0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))))

/** soft-cap.wgsl; 0: no cap. */
export const softCap = (x: number, cap: number): number =>
  cap === 0 ? x : Math.fround(cap * Math.tanh(x / cap))
