/**
 * Prompt lookup that does not settle on one place: what followed each earlier occurrence of the longest suffixes,
 * merged into a tree, the continuation of the longest and earliest match first.
 */
import type { Drafter, Proposal } from './drafter'
import type { Estimates } from './estimates'
import { MAX_N } from './lookup'
import { addGuess } from './lookup-drafter'
import type { Offer } from './policy'
import type { Sequence } from './sequence'
import type { Step } from './step'
import { growTree, layOut } from './tree-shape'
import { VerdictWait } from './verdict-wait'

/** Continuations that are looked at. */
const MAX_MATCHES = 8
const MAX_LENGTH = 16

export class LookupTreeDrafter implements Drafter {
  readonly method = 'lookup-tree'

  readonly #wait: VerdictWait

  constructor(
    readonly estimates: Estimates,
    waitMs: () => number,
  ) {
    this.#wait = new VerdictWait(waitMs)
  }

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    const root = continuations(sequence.tokens)
    const nodes = growTree(
      root,
      ({ children }, rank) => children[rank],
      this.estimates.chance(this.method),
      most,
    )
    this.#wait.look(sequence, Number(nodes.length > 0))
    if (nodes.length === 0) return undefined
    const offer: Offer = { method: this.method, gains: nodes.map(({ chance }) => chance) }
    return {
      offer: current ? this.#wait.hope(offer, 1) : offer,
      most: nodes.length,
      add: (step, depth) => {
        const { parents, values } = layOut(nodes.slice(0, depth))
        addGuess(step, sequence, { tokens: values.map(({ token }) => token), parents })
      },
    }
  }
}

interface Continuation {
  token: number
  /** The best first. */
  children: Continuation[]
}

/** What followed where the last tokens stood before: the root stands for the last token. */
export function continuations(tokens: readonly number[]): Continuation {
  const end = tokens.length
  const matches: Array<{ length: number; next: number }> = []
  for (let at = 0; at < end - 1; at++) {
    let length = 0
    while (length < MAX_N && length <= at && tokens[at - length] === tokens[end - 1 - length]) length++
    if (length > 0) matches.push({ length, next: at + 1 })
  }
  const root: Continuation = { token: tokens[end - 1]!, children: [] }
  matches.sort((a, b) => b.length - a.length || a.next - b.next)
  for (const { next } of matches.slice(0, MAX_MATCHES)) {
    let node = root
    for (const token of tokens.slice(next, next + MAX_LENGTH)) {
      const known = node.children.find(child => child.token === token)
      if (!known) node.children.push({ token, children: [] })
      node = known ?? node.children.at(-1)!
    }
  }
  return root
}
