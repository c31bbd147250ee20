/** What the controller believes, from the engine's own figures: the situation that its policies would be given. */
import {
  CostModel,
  DRAFT_MODELS,
  everywhere,
  goodput,
  MAX_DEPTH,
  type Method,
  netOf,
  type Offer,
  type Situation,
} from '@foretoken/scheduler'
import type { EngineStats } from 'foretoken'

export function costOf({ cost }: EngineStats): CostModel {
  const model = new CostModel()
  model.target.restore(cost.target)
  model.of('draft').restore(cost.draft)
  return model
}

/** Drafters that this engine has and that draft chains. */
export function drafters({ drafts, numHeads }: EngineStats): Method[] {
  return ['lookup', ...DRAFT_MODELS.slice(0, drafts.length), ...(numHeads > 0 ? (['heads'] as const) : [])]
}

/** `numRequests` requests in the middle of their answers, each with every drafter at every depth. */
export function situationOf(stats: EngineStats, numRequests: number): Situation {
  const offers = drafters(stats).map((method): Offer => {
    const gains = stats.survival[method]
    return netOf(method) ? { method, gains, drafting: { lag: 1, horizon: 1 } } : { method, gains }
  })
  return {
    contenders: Array.from({ length: numRequests }, () => ({ offers })),
    baseTokens: 0,
    baseRows: numRequests,
    prefillRows: 0,
    numDecoding: numRequests,
    numContext: 0,
    freeRows: numRequests * MAX_DEPTH,
    cost: costOf(stats),
  }
}

/** Expected tokens per second by depth, 0 to MAX_DEPTH, if all draft alike. */
export function goodputByDepth(situation: Situation, method: Method): number[] {
  return Array.from({ length: MAX_DEPTH + 1 }, (_, depth) => {
    const choice = depth === 0 ? ({ method: 'off', depth: 0 } as const) : { method, depth }
    return goodput(situation, everywhere(situation, choice)) * 1000
  })
}
