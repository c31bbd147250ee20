/** The rows and samples of a step's passes. */
import { treeRows } from './guess'
import { MAX_DEPTH } from './policy'
import type { Sequence } from './sequence'
import { emptyPass, type Pass, type Step } from './step'

/** The position of the sequence's next token, as the step counts. */
const begin = (step: Step, sequence: Sequence): number => (step.isAhead ? 0 : sequence.length)

/**
 * The draft model's passes: first what it has not seen yet, ending with its first token; then one row per sequence and
 * token. A sequence whose backlog does not fit catches up now and drafts later.
 */
export function addDraftPasses(step: Step, maxRows: number, lagOf: (sequence: Sequence) => number): void {
  const drafting = [...step.choices]
    .filter(([, { method }]) => method === 'draft')
    .map(([sequence]) => sequence)
  if (drafting.length === 0) return
  const first = emptyPass()
  let room = maxRows
  for (const sequence of drafting) {
    const lag = lagOf(sequence)
    const count = Math.min(lag, room)
    const from = begin(step, sequence) - lag
    room -= count
    for (let i = 0; i < count; i++) first.rows.push({ sequence, position: from + i })
    if (count < lag) step.choices.delete(sequence)
    else first.samples.push({ row: first.rows.length - 1, sequence, position: from + lag })
  }
  step.draftPasses.push(first)
  for (let i = 1; i < MAX_DEPTH; i++) {
    const pass = emptyPass()
    for (const sequence of drafting) {
      if ((step.choices.get(sequence)?.depth ?? 0) <= i) continue
      const position = begin(step, sequence) + i
      pass.rows.push({ sequence, position: position - 1 })
      pass.samples.push({ row: pass.rows.length - 1, sequence, position })
    }
    if (pass.rows.length === 0) break
    step.draftPasses.push(pass)
  }
}

/** The last token and its draft: depth + 1 rows, each sampled, judged together. */
export function addDecodeRows(step: Step, sequence: Sequence): void {
  const { targetPass, choices, guesses } = step
  const depth = choices.get(sequence)?.depth ?? 0
  const length = begin(step, sequence)
  const firstSample = targetPass.samples.length
  const parents = guesses.find(guess => guess.sequence === sequence)?.parents
  if (parents) targetPass.rows.push(...treeRows(sequence, parents))
  else for (let i = 0; i <= depth; i++) targetPass.rows.push({ sequence, position: length - 1 + i })
  for (let row = targetPass.rows.length - depth - 1; row < targetPass.rows.length; row++) {
    targetPass.samples.push({ row, sequence, position: targetPass.rows[row]!.position + 1 })
  }
  const verdict = { sequence, length, firstSample, depth }
  targetPass.verdicts.push(parents ? { ...verdict, isTree: true } : verdict)
}

/** The next `most` rows of the prompt; its last one, if it is among them, draws the first token. */
export function addPrefillRows(pass: Pass, sequence: Sequence, most: number, maxSamples: number): void {
  const scoreOnly = sequence.request.scoreOnly === true
  const count = scoreOnly ? Math.min(most, maxSamples - pass.samples.length) : most
  for (let i = 0; i < count; i++) {
    const position = sequence.numComputed + i
    pass.rows.push({ sequence, position })
    const last = position === sequence.length - 1
    if (!scoreOnly && !last) continue
    pass.samples.push({ row: pass.rows.length - 1, sequence, position: position + 1 })
    if (scoreOnly) continue
    const firstSample = pass.samples.length - 1
    pass.verdicts.push({ sequence, length: sequence.length, firstSample, depth: 0 })
  }
}
