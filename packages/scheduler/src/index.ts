export { adviseDraft, type DraftAdvice, type DraftCandidate } from './advise-draft'
export { BLOCK_SIZE, blocksFor } from './block-pool'
export { type Constraint, readBack } from './constraint'
export { CostModel, type CostTable } from './cost-model'
export { DrafterEstimate } from './drafter-estimate'
export { isTreeMethod } from './estimates'
export { everywhere } from './fixed-policy'
export { goodput } from './goodput'
export { GoodputPolicy } from './goodput-policy'
export { lookup } from './lookup'
export { LAX, MAX_N, NgramCache, type NgramEntries, STRICT } from './ngram-cache'
export { createPolicy, POLICY_NAMES, type PolicyName, type PolicyOptions } from './policies'
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
  OFF,
  type Offer,
  type Policy,
  type Situation,
} from './policy'
export { type KvCounts, OVERTAKES_PER_LEVEL, Scheduler, type SchedulerConfig } from './scheduler'
export { type Penalties, type Progress, type Sampling, Sequence, type SequenceRequest } from './sequence'
export type { DraftPass, Guess, Pass, Row, Sample, Step, TreeNode, Verdict, VerdictRequest } from './step'
