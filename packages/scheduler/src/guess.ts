/** Draft tokens that a pass is to verify: a chain, or a tree whose every node is a row. */
import type { Sequence } from './sequence'
import type { Guess, Row, TreeNode } from './step'

export const NO_GUESS: Guess = { tokens: [] }

/** The first `count` tokens: an earlier node never follows a later one. */
export function cutGuess(guess: Guess, count: number): Guess {
  const { tokens, parents } = guess
  if (tokens.length <= count) return guess
  return {
    ...guess,
    tokens: tokens.slice(0, count),
    ...(parents ? { parents: parents.slice(0, count) } : {}),
  }
}

/** A row for the last token, at position `base`, and for each node of its tree. */
export function treeRows(
  sequence: Sequence,
  base: number,
  parents: readonly number[],
): Array<Row & { node: TreeNode }> {
  const root: TreeNode = { index: 0, parent: 0, base, mask: 1 }
  const rows = [{ sequence, position: base, node: root }]
  for (const [i, parent] of parents.entries()) {
    const above = rows[parent]!
    const mask = (above.node.mask | (1 << (i + 1))) >>> 0
    rows.push({ sequence, position: above.position + 1, node: { index: i + 1, parent, base, mask } })
  }
  return rows
}
