/**
 * Which nodes a draft tree has: the likeliest ones first, greedily (as SuffixDecoding, 2411.04975, takes leaves). A node is
 * never likelier than its parent or than an earlier sibling, so the first n are a tree for every n.
 */

export interface ShapeNode<T> {
  /** Index of its parent among the nodes; -1: the root. */
  parent: number
  /** 1 for the root's children. */
  depth: number
  /** 0 for the best child of its parent. */
  rank: number
  /** That it and all nodes on the way to it are accepted. */
  chance: number
  value: T
}

/** `childOf`: what stands at a node's child of a rank; undefined: there is none, nor any of a higher rank. */
export function growTree<T>(
  root: T,
  childOf: (value: T, rank: number, depth: number) => T | undefined,
  chanceOf: (depth: number, rank: number) => number,
  maxNodes: number,
): ShapeNode<T>[] {
  const nodes: ShapeNode<T>[] = []
  const frontier: ShapeNode<T>[] = []
  const offer = (parent: number, rank: number): void => {
    const above = nodes[parent] ?? { depth: 0, chance: 1, value: root }
    const depth = above.depth + 1
    const value = childOf(above.value, rank, depth)
    if (value === undefined) return
    frontier.push({ parent, depth, rank, chance: above.chance * chanceOf(depth, rank), value })
  }
  offer(-1, 0)
  while (nodes.length < maxNodes && frontier.length > 0) {
    let best = 0
    for (let i = 1; i < frontier.length; i++) if (frontier[i]!.chance > frontier[best]!.chance) best = i
    const [node] = frontier.splice(best, 1)
    nodes.push(node!)
    offer(nodes.length - 1, 0)
    offer(node!.parent, node!.rank + 1)
  }
  return nodes
}

/**
 * The nodes level by level, siblings side by side and by rank: as they stand behind the last token. `parents`: the node
 * that each of the nodes 1, 2, … follows; 0 is the root.
 */
export function layOut<T>(nodes: readonly ShapeNode<T>[]): { parents: number[]; values: T[] } {
  const numberOf = new Map<number, number>([[-1, 0]])
  const parents: number[] = []
  const values: T[] = []
  const deepest = nodes.reduce((most, { depth }) => Math.max(most, depth), 0)
  for (let depth = 1; depth <= deepest; depth++) {
    const level = [...nodes.entries()].filter(([, node]) => node.depth === depth)
    const parentOf = (node: ShapeNode<T>): number => numberOf.get(node.parent)!
    level.sort(([, a], [, b]) => parentOf(a) - parentOf(b) || a.rank - b.rank)
    for (const [i, node] of level) {
      parents.push(parentOf(node))
      values.push(node.value)
      numberOf.set(i, parents.length)
    }
  }
  return { parents, values }
}

/** The children of a node, which stand side by side: the first of them, and how many. */
export function childrenOf(parents: readonly number[], node: number): { first: number; count: number } {
  const first = parents.indexOf(node) + 1
  return { first, count: parents.filter(parent => parent === node).length }
}

/** How many nodes stand one behind the other at most, the root apart. */
export function levelsOf(parents: readonly number[]): number {
  const depths = [0]
  for (const parent of parents) depths.push(depths[parent]! + 1)
  return Math.max(...depths)
}
