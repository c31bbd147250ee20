/**
 * The rules that judge a draft by probabilities, in double precision: speculation.md's classical verification. `p`: the
 * target's distributions at each drafted place and behind the last, filters applied; `q`: what the draft was drawn from,
 * all on its token for a lookup. Both depend on the tokens before their place.
 */
import { REJECTION } from './step'

/** REJECTION (Leviathan, 2211.17192) or BLOCK (Sun et al., 2403.10444). */
export type Rule = number

export interface Judged {
  p: ReadonlyArray<ArrayLike<number>> // [depth + 1, vocab]
  q: ReadonlyArray<ArrayLike<number>> // [depth, vocab]
  draft: readonly number[]
}

/** What is taken of a draft, and what the next token is drawn from, up to a factor. */
export interface Verdict {
  numKept: number
  weights: number[]
}

/** `noise`: one number in (0, 1) for each drafted place, all independent. */
export function verify(rule: Rule, judged: Judged, noise: readonly number[]): Verdict {
  const { p, draft } = judged
  const ratios = runningRatios(rule, judged)
  const numKept = countKept(rule, keepProbabilities(rule, judged), noise)
  if (numKept === draft.length) return { numKept, weights: Array.from(p[numKept]!) }
  return { numKept, weights: residual(judged, numKept, ratios[numKept]!) }
}

/** With what probability each place passes. */
export function keepProbabilities(rule: Rule, judged: Judged): number[] {
  const { p, q, draft } = judged
  if (rule === REJECTION) return draft.map((token, i) => Math.min(1, p[i]![token]! / q[i]![token]!))
  const [, ...ratios] = runningRatios(rule, judged)
  return ratios.map((ratio, i) => {
    const behind = i + 1
    if (behind === draft.length || ratio === 1) return ratio
    const mass = residual(judged, behind, ratio).reduce((sum, weight) => sum + weight, 0)
    return mass / (mass + 1 - ratio)
  })
}

/** Rejection ends at the first place that fails, a block at the last one that passes. */
function countKept(rule: Rule, keep: readonly number[], noise: readonly number[]): number {
  const passes = keep.map((probability, i) => noise[i]! <= probability)
  if (rule !== REJECTION) return passes.lastIndexOf(true) + 1
  return passes.includes(false) ? passes.indexOf(false) : passes.length
}

/** How likely the draft so far is by the target, beside the drafter: what of the next place's p is still to be given. */
function runningRatios(rule: Rule, { p, q, draft }: Judged): number[] {
  const ratios = [1]
  for (const [i, token] of draft.entries()) {
    ratios.push(rule === REJECTION ? 1 : Math.min(1, (ratios[i]! * p[i]![token]!) / q[i]![token]!))
  }
  return ratios
}

function residual({ p, q }: Judged, place: number, ratio: number): number[] {
  return Array.from(p[place]!, (probability, token) => Math.max(ratio * probability - q[place]![token]!, 0))
}
