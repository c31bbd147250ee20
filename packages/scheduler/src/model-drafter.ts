/**
 * A draft model of its own KV caches, which catch up with what it has not seen when it is asked to draft: a chain, one
 * pass per token. What catching up takes is spread over the steps that are expected to profit from it.
 */
import { readback } from './constraint'
import { begin, type Drafter, type Proposal } from './drafter'
import type { Estimates } from './estimates'
import { type DraftModel, netOf, OFF } from './policy'
import type { Sequence } from './sequence'
import { type DraftPass, emptyPass, type Step } from './step'
import { levelsOf } from './tree-shape'

export class ModelDrafter implements Drafter {
  constructor(
    readonly method: DraftModel,
    readonly estimates: Estimates,
    readonly maxRows: number,
    readonly readbackMs: () => number,
  ) {}

  get net(): DraftModel {
    return this.method
  }

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    const lag = lagOf(this.method, sequence, current)
    if (lag === undefined) return undefined
    const gains = this.estimates.survival(this.method, sequence).slice(0, most)
    const drafting = { lag, horizon: this.estimates.stepsLeft(sequence, gains) }
    const offer = { method: this.method, gains, drafting, ...readback(sequence, this.readbackMs) }
    return { offer, most: gains.length, add: () => {} }
  }

  /** First what it has not seen yet, ending with the first token; then one row per sequence and token. */
  addPasses(step: Step, chosen: readonly Sequence[], current: Step | undefined): void {
    const first = firstPass(this.method, step, chosen, current, this.maxRows)
    for (const sequence of drafting(step, chosen)) {
      const row = first.rows.findLastIndex(each => each.sequence === sequence)
      first.samples.push({ row, sequence, position: begin(step, sequence) })
    }
    step.draftPasses.push(first)
    for (let i = 1; ; i++) {
      const pass: DraftPass = { net: this.net, ...emptyPass() }
      for (const sequence of drafting(step, chosen)) {
        if (step.choices.get(sequence)!.depth <= i) continue
        const position = begin(step, sequence) + i
        pass.rows.push({ sequence, position: position - 1 })
        pass.samples.push({ row: pass.rows.length - 1, sequence, position })
      }
      if (pass.rows.length === 0) break
      step.draftPasses.push(pass)
    }
  }
}

/** Those of them who draft after all. */
export const drafting = (step: Step, chosen: readonly Sequence[]): Sequence[] =>
  chosen.filter(sequence => step.choices.has(sequence))

/**
 * Tokens that a model has yet to see. While a step is in flight, as many as it may turn out to be: what it has seen
 * already it may see again. Undefined where only the verdict in flight will tell.
 */
export function lagOf(model: DraftModel, sequence: Sequence, current: Step | undefined): number | undefined {
  const numComputed = sequence.numDraftComputed[model]
  const lag = sequence.length - numComputed
  if (!current) return lag
  const { method, depth } = current.choices.get(sequence) ?? OFF
  // If all of its chain is accepted, the last token of it is new to the draft model as well.
  if (method === model) return 2
  const drawsTree = method !== 'off' && netOf(method) === model
  if (!drawsTree) return numComputed < depth ? undefined : lag + depth + 1
  // Keys and values of a tree's nodes are not kept.
  const levels = levelsOf(current.trees.get(sequence)!)
  return sequence.length < levels ? undefined : levels + 1
}

/** The rows that a model has not seen yet. A sequence whose backlog does not fit catches up now and drafts later. */
export function firstPass(
  model: DraftModel,
  step: Step,
  chosen: readonly Sequence[],
  current: Step | undefined,
  maxRows: number,
): DraftPass {
  const pass: DraftPass = { net: model, ...emptyPass() }
  let room = maxRows
  for (const sequence of chosen) {
    const lag = lagOf(model, sequence, current)!
    const count = Math.min(lag, room)
    room -= count
    const from = begin(step, sequence) - lag
    for (let i = 0; i < count; i++) pass.rows.push({ sequence, position: from + i })
    if (count < lag) step.choices.delete(sequence)
  }
  return pass
}
