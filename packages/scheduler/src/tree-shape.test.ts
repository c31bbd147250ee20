import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TreeAcceptance } from './tree-acceptance'
import { childrenOf, growTree, layOut, levelsOf } from './tree-shape'

const grow = (chance: (depth: number, rank: number) => number, maxNodes: number, maxDepth = 5) =>
  growTree(0, (depth, rank) => (depth < maxDepth && rank < 4 ? depth + 1 : undefined), chance, maxNodes)

describe('growTree', () => {
  it('takes the likeliest node next: a tree for every number of nodes', () => {
    const chances = fc.array(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
      {
        minLength: 5,
        maxLength: 5,
      },
    )
    const property = fc.property(chances, fc.integer({ min: 1, max: 31 }), (table, maxNodes) => {
      const sorted = table.map(row => [...row].sort((a, b) => b - a))
      const nodes = grow((depth, rank) => sorted[depth - 1]![rank]!, maxNodes)
      expect(nodes).toHaveLength(maxNodes)
      for (const [i, { parent, depth, rank, chance }] of nodes.entries()) {
        expect(chance).toBeLessThanOrEqual(nodes[i - 1]?.chance ?? 1)
        expect(parent).toBeLessThan(i)
        expect(depth).toBe((nodes[parent]?.depth ?? 0) + 1)
        const elder = nodes.findIndex(node => node.parent === parent && node.rank === rank - 1)
        if (rank > 0) expect(elder).toBeLessThan(i)
        expect(elder >= 0).toBe(rank > 0)
      }
    })
    fc.assert(property)
  })

  it('is a chain where only the best child is ever right, and wide where all are', () => {
    expect(grow((_, rank) => (rank === 0 ? 0.9 : 0.01), 5).map(({ depth }) => depth)).toEqual([1, 2, 3, 4, 5])
    expect(grow(depth => (depth === 1 ? 0.25 : 0.1), 4).map(({ rank }) => rank)).toEqual([0, 1, 2, 3])
  })

  it('stands level by level, siblings side by side', () => {
    const property = fc.property(
      fc.array(fc.nat(1000)),
      fc.integer({ min: 1, max: 31 }),
      (dice, maxNodes) => {
        const nodes = grow((depth, rank) => 0.9 / (1 + rank + ((dice[depth] ?? 0) % 7) / 10), maxNodes)
        const { parents, values: depths } = layOut(nodes)
        expect(depths).toEqual([...depths].sort((a, b) => a - b))
        for (const node of [0, ...parents.keys()]) {
          const { first, count } = childrenOf(parents, node)
          if (count === 0) continue
          expect(first).toBeGreaterThan(node)
          expect(parents.slice(first - 1, first - 1 + count)).toEqual(new Array<number>(count).fill(node))
        }
        expect(levelsOf(parents)).toBe(Math.max(...depths))
      },
    )
    fc.assert(property)
  })
})

describe('TreeAcceptance', () => {
  it('learns how often each rank is right, and what a stop hides it leaves alone', () => {
    const acceptance = new TreeAcceptance()
    const parents = [0, 0, 1] // 1 and 2 follow the last token, 3 follows 1
    for (let i = 0; i < 200; i++) acceptance.observe(parents, i % 2 ? [0, 1, 3] : [0, 2], false)
    expect(acceptance.chance(1, 0)).toBeCloseTo(0.5, 1)
    expect(acceptance.chance(1, 1)).toBeCloseTo(0.5, 1)
    expect(acceptance.chance(2, 0)).toBeGreaterThan(0.8)
    const before = acceptance.chance(2, 0)
    acceptance.observe(parents, [0, 1], true)
    expect(Math.abs(acceptance.chance(2, 0) - before)).toBeLessThan(0.01)
    acceptance.observe(parents, [0, 1], false)
    expect(acceptance.chance(2, 0)).toBeLessThan(before - 0.005)
  })

  it('never makes a later sibling likelier, nor a chance of more than 1', () => {
    const property = fc.property(fc.array(fc.constantFrom([0], [0, 1], [0, 2], [0, 1, 3])), paths => {
      const acceptance = new TreeAcceptance()
      for (const path of paths) acceptance.observe([0, 0, 1], path, false)
      for (let depth = 1; depth < 4; depth++) {
        for (let rank = 0; rank < 4; rank++) {
          expect(acceptance.chance(depth, rank)).toBeLessThanOrEqual(
            rank ? acceptance.chance(depth, rank - 1) : 1,
          )
        }
      }
    })
    fc.assert(property)
  })
})
