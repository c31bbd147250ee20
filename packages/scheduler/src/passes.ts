/** The rows and samples of the target's pass. */
import { begin } from './drafter'
import { treeRows } from './guess'
import type { Sequence } from './sequence'
import type { Pass, Step } from './step'

/** The last token and its draft: depth + 1 rows, each sampled, judged together. */
export function addDecodeRows(step: Step, sequence: Sequence): void {
  const { targetPass, choices, trees } = step
  const depth = choices.get(sequence)?.depth ?? 0
  const length = begin(step, sequence)
  const firstSample = targetPass.samples.length
  const parents = depth > 0 ? trees.get(sequence) : undefined
  if (parents) targetPass.rows.push(...treeRows(sequence, length - 1, parents))
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
