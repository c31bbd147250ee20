export { adviseDraft, type DraftAdvice, type DraftCandidate } from './advise-draft'
export { BLOCK_SIZE, blocksFor } from './block-pool'
export { CostModel, type CostTable } from './cost-model'
export { everywhere } from './fixed-policy'
export { goodput } from './goodput'
export { GoodputPolicy } from './goodput-policy'
export { lookup } from './lookup'
export { LAX, MAX_N, NgramCache, STRICT } from './ngram-cache'
export { createPolicy, POLICY_NAMES, type PolicyName, type PolicyOptions } from './policies'
export {
  type Choice,
  MAX_DEPTH,
  METHODS,
  type Method,
  type Offer,
  type Policy,
  type Situation,
} from './policy'
export { type KvCounts, OVERTAKES_PER_LEVEL, Scheduler, type SchedulerConfig } from './scheduler'
export { type Penalties, type Progress, type Sampling, Sequence, type SequenceRequest } from './sequence'
export * from './simulator/index'
export type { Guess, Pass, Row, Sample, Step, TreeNode, Verdict, VerdictRequest } from './step'
