/**
 * What verifying costs: single matrices by rows, whole passes by rows, a plain step beside its matrices, and prefill; and
 * what integers change of it.
 * A figure that this host cannot give is a row without a value, never an estimate.
 */
import type { BenchContext, BenchRow } from './bench-context'
import { fastCost } from './fast-cost'
import { matmulCost } from './matmul-cost'
import { prefillSpeed } from './prefill-speed'
import { stepCost } from './step-cost'
import { verifyCost } from './verify-cost'

export default async function* kernels(context: BenchContext): AsyncGenerator<BenchRow> {
  yield* stepCost(context)
  yield* verifyCost(context)
  yield* matmulCost(context)
  yield* prefillSpeed(context)
  yield* fastCost(context)
}
