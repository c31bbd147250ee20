/** What grammars have to do with a step: before it is submitted, once it is read, and when a sequence has gone. */
import type { Sequence, Step, Verdict } from '@foretoken/scheduler'
import type { TokenConstraint } from './token-constraint'
import type { TokenMasks } from './token-masks'

/** The engine's own kind of constraint. */
const constraintOf = ({ request }: Pick<Sequence, 'request'>): TokenConstraint | undefined =>
  request.constraint as TokenConstraint | undefined

/** Drafts that nets have made: the tokens of each, known because its grammar has to know them. */
export type Drafts = ReadonlyMap<Sequence, readonly number[]>

/** Each up to the first token that its grammar forbids. */
export const allowedDrafts = (drafts: Drafts): Drafts =>
  new Map(
    [...drafts].map(([sequence, tokens]) => [
      sequence,
      tokens.slice(0, sequence.request.constraint!.numAllowed(tokens)),
    ]),
  )

/** Of every row that draws for a sequence with a grammar. */
export async function tokenMasks({ targetPass, guesses }: Step, drafts: Drafts): Promise<TokenMasks[]> {
  const masks: TokenMasks[] = []
  for (const { sequence, firstSample } of targetPass.verdicts) {
    const constraint = constraintOf(sequence)
    if (!constraint) continue
    const guess = guesses.find(each => each.sequence === sequence)
    const drafted = drafts.get(sequence) ?? guess?.tokens ?? []
    masks.push({ firstSample, words: await constraint.masks(drafted) })
  }
  return masks
}

/** The verdicts as grammars see them: cut, and stopped, where an answer is complete. */
export async function constrained(verdicts: readonly Verdict[]): Promise<Verdict[]> {
  const seen: Verdict[] = []
  for (const verdict of verdicts) {
    seen.push((await constraintOf(verdict.sequence)?.advance(verdict)) ?? verdict)
  }
  return seen
}

/** Frees what a sequence's grammar holds, once no step needs it. */
export const release = (sequence: Pick<Sequence, 'request'>): void => constraintOf(sequence)?.dispose()
