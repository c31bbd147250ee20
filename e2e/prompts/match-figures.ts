/** The figures of replayed texts. */
import { MAX_DEPTH } from '@foretoken/scheduler'
import { type Guessed, stepsOf } from './replay'

export interface MatchFigures {
  /** Of the texts. */
  tokens: number
  /** Share of the steps that have a guess, verifying to MAX_DEPTH as all but `tokensPerStep`. */
  hitRate: number
  /** Guesses that hold, of a step that has one. */
  meanMatch: number
  /** S(1) … S(MAX_DEPTH), of steps that have a guess. */
  survival: number[]
  /** Tokens of a step by depth: what lookup is worth where verifying costs nothing. */
  tokensPerStep: Record<number, number>
}

const DEPTHS = [1, 2, 4, 8, MAX_DEPTH]

export function matchFigures(texts: ReadonlyArray<readonly Guessed[]>): MatchFigures {
  const steps = texts.flatMap(places => stepsOf(places, MAX_DEPTH))
  const hits = steps.filter(({ offered }) => offered > 0)
  const tokens = texts.reduce((sum, places) => sum + places.length, 0)
  const perStep = (depth: number): number =>
    tokens / texts.reduce((sum, places) => sum + stepsOf(places, depth).length, 0)
  return {
    tokens,
    hitRate: hits.length / steps.length,
    meanMatch: hits.reduce((sum, { accepted }) => sum + accepted, 0) / Math.max(1, hits.length),
    survival: survivalOf(hits),
    tokensPerStep: Object.fromEntries(DEPTHS.map(depth => [depth, perStep(depth)])),
  }
}

/**
 * Kaplan and Meier's estimate: a guess that ends before it fails, because the text or the match does, says nothing of the
 * places behind its end. 0 where no guess came so far.
 */
function survivalOf(hits: readonly Guessed[]): number[] {
  let survival = 1
  return Array.from({ length: MAX_DEPTH }, (_, i) => {
    const reached = hits.filter(({ offered, accepted }) => offered > i && accepted >= i).length
    const held = hits.filter(({ accepted }) => accepted > i).length
    survival *= reached > 0 ? held / reached : 0
    return survival
  })
}
