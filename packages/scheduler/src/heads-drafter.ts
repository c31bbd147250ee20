/**
 * Medusa heads (Cai et al., 2401.10774): from the target's last state, which stays on the GPU, head i guesses the token i
 * places behind the next. One pass for all of them, and nothing to catch up with.
 */
import { readback } from './constraint'
import { begin, type Drafter, type Proposal } from './drafter'
import type { Estimates } from './estimates'
import type { Offer } from './policy'
import type { Sequence } from './sequence'
import { type DraftPass, emptyPass, type Step } from './step'

export class HeadsDrafter implements Drafter {
  readonly method = 'heads'
  readonly net = 'heads'

  constructor(
    readonly estimates: Estimates,
    readonly numHeads: number,
    readonly readbackMs: () => number,
  ) {}

  propose(sequence: Sequence, most: number, current: Step | undefined): Proposal | undefined {
    if (!hasState(sequence, current)) return undefined
    const gains = this.estimates.survival(this.method, sequence).slice(0, Math.min(most, this.numHeads))
    const drafting = { lag: 1, horizon: 1, passes: gains.map(() => 0) }
    const offer: Offer = { method: this.method, gains, drafting, ...readback(sequence, this.readbackMs) }
    return { offer, most: gains.length, add: () => {} }
  }

  addPasses(step: Step, chosen: readonly Sequence[]): void {
    const pass: DraftPass = { net: this.net, ...emptyPass() }
    for (const sequence of chosen) {
      const row = pass.rows.push(stateRow(step, sequence)) - 1
      const { depth } = step.choices.get(sequence)!
      for (let head = 0; head < depth; head++) {
        pass.samples.push({ row, sequence, position: begin(step, sequence) + head, head })
      }
    }
    step.draftPasses.push(pass)
  }
}

/** Whether the state that its last token was drawn from is on the GPU, or will be when the step in flight ends. */
export const hasState = (sequence: Sequence, current: Step | undefined): boolean =>
  sequence.hasState || (current?.targetPass.verdicts.some(verdict => verdict.sequence === sequence) ?? false)

/** Heads see no keys and values: a row is a sequence's state. */
export const stateRow = (step: Step, sequence: Sequence) => ({
  sequence,
  position: begin(step, sequence) - 1,
})
