import type { CostCurve } from './cost-curve'

/**
 * A step that fills prompts while others decode takes at most so many times as long as one in which all who run decode, by
 * the cost table. Less would hold up less those who decode, and spread prompts over so many steps that the simulator's
 * gains from drafts shrink by 4 %. All who run: where few decode because most still read, they must not hold up the many.
 */
const MOST_DELAY = 8
/** Rows by which the budget grows, and the least there is: a prompt must come to an end too. */
const ROWS = 16

/**
 * Rows of prompts that share a step with `numDecoding` rows, so that they do not hold those up (Sarathi, 2308.16369).
 * `numRunning`: they and all whose prompts are read.
 */
export function prefillBudget(
  cost: CostCurve,
  numDecoding: number,
  numRunning: number,
  maxRows: number,
): number {
  const free = maxRows - numDecoding
  if (numDecoding === 0) return free
  const limit = MOST_DELAY * cost.at(numRunning)
  let rows = ROWS
  while (rows < free && cost.at(numDecoding + rows + ROWS) <= limit) rows += ROWS
  return Math.min(rows, free)
}
