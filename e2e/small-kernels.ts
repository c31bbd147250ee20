/** Few and small kernels, for tests that are not about them: compiling is what takes long. */
import type { EngineInternals } from '@foretoken/engine'

export const smallKernels: NonNullable<EngineInternals['deviceProfile']> = {
  matmul: {
    lanes: 4,
    subgroups: false,
    plainOutputs: 2,
    tiles: [
      { rows: 1, outputs: 2 },
      { rows: 4, outputs: 2 },
    ],
  },
}
