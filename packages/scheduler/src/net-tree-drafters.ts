/**
 * Trees of what drafts on the GPU: a node's children are the best tokens by logit / T + noise. The noise is keyed by
 * absolute position, so siblings share it, and the best of them is what a chain would have drawn.
 */
import { begin, type Drafter, type Proposal } from './drafter'
import type { Estimates, TreeMethod } from './estimates'
import { treeRows } from './guess'
import { hasState, stateRow } from './heads-drafter'
import { drafting, firstPass, lagOf } from './model-drafter'
import { MAX_DEPTH, type Offer } from './policy'
import type { Sequence } from './sequence'
import { type DraftPass, emptyPass, type Sample, type Step } from './step'
import { childrenOf, growTree, layOut, levelsOf } from './tree-shape'

/** Children of a node at most. */
const MAX_BRANCHES = 4

/** From the heads: one pass, in which a node's children come from the head of its depth. */
export class HeadsTreeDrafter implements Drafter {
  readonly method = 'heads-tree'
  readonly net = 'heads'

  constructor(
    readonly estimates: Estimates,
    readonly numHeads: number,
  ) {}

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    if (!hasState(sequence, current)) return undefined
    const shape = { maxDepth: this.numHeads, maxNodes: most }
    return proposeTree(this.method, this.estimates, sequence, shape, () => 0, { lag: 1, horizon: 1 })
  }

  addPasses(step: Step, chosen: readonly Sequence[]): void {
    const pass: DraftPass = { net: this.net, ...emptyPass() }
    for (const sequence of chosen) {
      const row = pass.rows.push(stateRow(step, sequence)) - 1
      const parents = step.trees.get(sequence)!
      for (const { node, position } of treeRows(sequence, begin(step, sequence) - 1, parents)) {
        const sample = { row, sequence, position: position + 1 }
        const head = position + 1 - begin(step, sequence)
        for (const each of withChildren(sample, parents, node.index, head))
          pass.samples.push({ ...each, head })
      }
    }
    step.draftPasses.push(pass)
  }
}

/**
 * From the draft model: a pass per level, over that level's nodes, which see their ancestors. Their keys and values are
 * not kept: what was accepted is few rows of the next draft's first pass.
 */
export class ModelTreeDrafter implements Drafter {
  readonly method = 'draft-tree'
  readonly net = 'draft'

  constructor(
    readonly estimates: Estimates,
    readonly maxRows: number,
  ) {}

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    const lag = lagOf(this.net, sequence, current)
    if (lag === undefined) return undefined
    // As good as a chain at least.
    const horizon = this.estimates.stepsLeft(sequence, this.estimates.survival(this.net, sequence))
    const shape = { maxDepth: MAX_DEPTH, maxNodes: most }
    return proposeTree(this.method, this.estimates, sequence, shape, depth => depth - 1, { lag, horizon })
  }

  addPasses(step: Step, chosen: readonly Sequence[], current: Step | undefined): void {
    const first = firstPass(this.net, step, chosen, current, this.maxRows)
    step.draftPasses.push(first)
    const growing = drafting(step, chosen)
    for (const sequence of growing) {
      const row = first.rows.findLastIndex(each => each.sequence === sequence)
      const sample = { row, sequence, position: begin(step, sequence) }
      first.samples.push(...withChildren(sample, step.trees.get(sequence)!, 0, 0))
    }
    const levels = Math.max(0, ...growing.map(sequence => levelsOf(step.trees.get(sequence)!)))
    for (let level = 1; level < levels; level++) {
      const pass: DraftPass = { net: this.net, ...emptyPass() }
      for (const sequence of growing) this.#addLevel(pass, step, sequence, level)
      step.draftPasses.push(pass)
    }
  }

  /** The nodes of a level that have children. */
  #addLevel(pass: DraftPass, step: Step, sequence: Sequence, level: number): void {
    const parents = step.trees.get(sequence)!
    const length = begin(step, sequence)
    for (const treeRow of treeRows(sequence, length - 1, parents)) {
      if (treeRow.position !== length - 1 + level) continue
      const sample = { row: pass.rows.length, sequence, position: treeRow.position + 1 }
      const samples = withChildren(sample, parents, treeRow.node.index, level)
      if (samples.length === 0) continue
      pass.rows.push(treeRow)
      pass.samples.push(...samples)
    }
  }
}

/** `passOf`: the draft pass in which a node of this depth is drawn. */
function proposeTree(
  method: TreeMethod,
  estimates: Estimates,
  sequence: Sequence,
  { maxDepth, maxNodes }: { maxDepth: number; maxNodes: number },
  passOf: (depth: number) => number,
  backlog: Pick<NonNullable<Offer['drafting']>, 'lag' | 'horizon'>,
): Proposal {
  const childOf = (above: number, rank: number): number | undefined =>
    above < maxDepth && rank < MAX_BRANCHES ? above + 1 : undefined
  const nodes = growTree(0, childOf, estimates.chance(method), maxNodes)
  // Siblings come from one row.
  const passes = nodes.map(({ depth, rank }) => (rank === 0 ? passOf(depth) : undefined))
  return {
    offer: { method, gains: nodes.map(({ chance }) => chance), drafting: { ...backlog, passes } },
    most: nodes.length,
    add: (step, numNodes) => void step.trees.set(sequence, layOut(nodes.slice(0, numNodes)).parents),
  }
}

/** The sample that draws a node's children; none if it has none. `depth`: the node's. */
function withChildren(sample: Sample, parents: readonly number[], node: number, depth: number): Sample[] {
  const { first, count } = childrenOf(parents, node)
  return count === 0 ? [] : [{ ...sample, children: { count, skip: first - (depth + 1) } }]
}
