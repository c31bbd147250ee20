/**
 * Which draft model to use (Yan et al., 2402.01528): throughput = TAR / (n * t_draft + t_target), where TAR is the tokens
 * that a round of n drafted tokens gives, the target's own among them. A draft that agrees more but takes longer may lose.
 */
import { MAX_DEPTH } from './policy'

export interface DraftCandidate {
  name: string
  /** One step of the draft, for one token. */
  stepMs: number
  /** S(1), S(2), …: how far its drafts survive; or TAR as it was measured at one depth. */
  agreement: { survival: readonly number[] } | { tar: number; depth: number }
}

export interface DraftAdvice {
  name: string
  /** The depth with the highest throughput; 0 where plain decoding is faster at all of them. */
  depth: number
  tar: number
  tokensPerS: number
  /** Over plain decoding. */
  speedUp: number
}

/** Candidates, the fastest first. `targetMs`: a step of the target over so many rows. */
export function adviseDraft(
  targetMs: (rows: number) => number,
  candidates: readonly DraftCandidate[],
): DraftAdvice[] {
  const plain = 1000 / targetMs(1)
  return candidates
    .map(({ name, stepMs, agreement }) => {
      let best = { name, depth: 0, tar: 1, tokensPerS: plain, speedUp: 1 }
      for (const { depth, tar } of rounds(agreement)) {
        const tokensPerS = (1000 * tar) / (depth * stepMs + targetMs(depth + 1))
        if (tokensPerS > best.tokensPerS) best = { name, depth, tar, tokensPerS, speedUp: tokensPerS / plain }
      }
      return best
    })
    .sort((a, b) => b.tokensPerS - a.tokensPerS)
}

function rounds(agreement: DraftCandidate['agreement']): Array<{ depth: number; tar: number }> {
  if ('tar' in agreement) return [agreement]
  let tar = 1
  return agreement.survival.slice(0, MAX_DEPTH).map((chance, i) => {
    tar += chance
    return { depth: i + 1, tar }
  })
}
