export { BLOCK_SIZE, blocksFor } from './block-pool'
export type { CostModel, CostTable } from './cost-model'
export { isTreeMethod } from './estimates'
export { everywhere, GoodputPolicy } from './goodput-policy'
export { lookup } from './lookup'
export { LAX, MAX_N, NgramCache, type NgramEntries, STRICT } from './ngram-cache'
export {
  type Choice,
  DRAFT_MODELS,
  type DraftModel,
  type DraftNet,
  isDraftModel,
  MAX_DEPTH,
  MAX_NODES,
  METHODS,
  type Method,
  netOf,
  type Policy,
  type Situation,
} from './policy'
export { Scheduler, type SchedulerConfig } from './scheduler'
export { type Penalties, type Progress, type Sampling, Sequence, type SequenceRequest } from './sequence'
export type { DraftPass, Guess, Pass, Row, Sample, Step, TreeNode, Verdict, VerdictRequest } from './step'
