/**
 * The goodput controller: at every step the choice with the most expected tokens per second, over
 * {off, lookup, draft} x depth (SmartSpec, Liu et al., 2406.14066). A full argmax: costs are step-shaped, so goodput
 * need not have one peak. Pure: the same inputs give the same choice.
 */
import type { CostModel } from './cost-model'

export const MAX_DEPTH = 16

export type Method = 'draft' | 'lookup'

export interface Choice {
  method: Method | 'off'
  depth: number
}

export const OFF: Choice = { method: 'off', depth: 0 }

/** A sequence that may speculate in this step. */
export interface Contender {
  /** Deepest draft by drafter: room left, tokens that the lookup found. */
  available: Record<Method, number>
  /** Positions that the draft model has yet to see before it can draft; at least 1. */
  draftLag: number
  /** Steps over which its catch-up may be spread, 1 or more: it is an investment. */
  horizon: number
}

export interface Situation {
  contenders: readonly Contender[]
  /** Tokens that the other sequences are expected to commit in this step. */
  baseTokens: number
  /** Rows of the target pass that are there whatever is chosen: one per running sequence, and prefill. */
  baseRows: number
  /** Draft rows that still fit into the pass. */
  freeRows: number
  cost: CostModel
  survival: Record<Method, readonly number[]>
}

export function chooseSpeculation(situation: Situation): Choice {
  let best = OFF
  let bestGoodput = goodput(situation, OFF)
  for (const method of ['lookup', 'draft'] as const) {
    const deepest = Math.max(0, ...situation.contenders.map(c => c.available[method]))
    for (let depth = 1; depth <= deepest; depth++) {
      const value = goodput(situation, { method, depth })
      if (value > bestGoodput) [best, bestGoodput] = [{ method, depth }, value]
    }
  }
  return best
}

/** Expected tokens per ms, of all running sequences: who speculates takes time from everyone. */
export function goodput(situation: Situation, choice: Choice): number {
  const { contenders, cost, baseRows, freeRows } = situation
  let tokens = situation.baseTokens + contenders.length
  let rows = 0
  let drafting = 0
  let catchUpMs = 0
  if (choice.method !== 'off') {
    const survival = situation.survival[choice.method]
    for (const { available, draftLag, horizon } of contenders) {
      const depth = Math.min(choice.depth, available[choice.method])
      if (depth === 0) continue
      for (let i = 0; i < depth; i++) tokens += survival[i]!
      rows += depth
      drafting++
      catchUpMs += (cost.draft.at(draftLag) - cost.draft.at(1)) / horizon
    }
  }
  if (rows > freeRows) return 0
  let ms = cost.target.at(baseRows + rows)
  if (choice.method === 'draft') ms += choice.depth * cost.draft.at(drafting) + catchUpMs
  return tokens / ms
}

/** Choices worth a try beside the best one: off, one deeper, one shallower; from off, every drafter at two depths. */
export function probesAround({ method, depth }: Choice): Choice[] {
  if (method !== 'off') {
    const neighbours = [depth - 1, depth + 1].filter(d => d >= 1 && d <= MAX_DEPTH)
    return [OFF, ...neighbours.map(d => ({ method, depth: d }))]
  }
  return [1, 4].flatMap(d => (['draft', 'lookup'] as const).map(drafter => ({ method: drafter, depth: d })))
}
