/** A median and how sure it is. */

export interface MedianInterval {
  value: number
  low: number
  high: number
  /** Values that there were. */
  n: number
}

/**
 * The narrowest interval between two order statistics that holds the true median with at least the given chance, whatever
 * the distribution: how many of n values lie below the median is binomial. Of fewer than 5 values there is none for 90 %;
 * theirs goes from the least to the greatest.
 */
export function medianInterval(values: readonly number[], chance = 0.9): MedianInterval {
  const sorted = [...values].sort((a, b) => a - b)
  const n = sorted.length
  let cut = 0
  while (1 - 2 * atMost(cut + 1, n) >= chance) cut++
  // Of an even number the middle of the two: the upper one would favour what a ratio is of.
  const value = (sorted[(n - 1) >> 1]! + sorted[n >> 1]!) / 2
  return { value, low: sorted[cut]!, high: sorted[n - 1 - cut]!, n }
}

/** Chance that a fair coin falls heads at most k times in n. */
function atMost(k: number, n: number): number {
  let term = 2 ** -n
  let sum = 0
  for (let i = 0; i <= k; i++) {
    sum += term
    term *= (n - i) / (i + 1)
  }
  return sum
}
