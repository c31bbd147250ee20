/**
 * Recorded drafts, played again by other rules. What a draft model draws at a place depends on the text before it alone,
 * its noise being that of the place: so a draft that begins elsewhere meets the same tokens, accepted or not.
 */
import { DrafterEstimate, MAX_DEPTH, Sequence } from '@foretoken/scheduler'

export interface JudgedDraft {
  depth: number
  accepted: number
  margins: readonly number[]
}

/** A token as the draft would draw it behind the right text. */
interface Place {
  margin: number
  isAccepted: boolean
  /** What it would draw behind this one if that is wrong: how sure it would be. */
  behind: readonly number[]
}

/** Places of one answer, in order. */
export type Trace = readonly Place[]

/** Of a step: the row that is there anyway, each further row, each draft pass. In ms. */
export interface StepCosts {
  stepMs: number
  rowMs: number
  passMs: number
}

export function traceOf(drafts: readonly JudgedDraft[]): Trace {
  return drafts.flatMap(({ depth, accepted, margins }) => {
    const right = margins
      .slice(0, accepted)
      .map((margin): Place => ({ margin, isAccepted: true, behind: [] }))
    // Nothing is known of the token behind a draft that is accepted as a whole: it counts as a sure one.
    const next: Place =
      accepted < depth
        ? { margin: margins[accepted]!, isAccepted: false, behind: margins.slice(accepted + 1) }
        : { margin: Number.NaN, isAccepted: true, behind: [] }
    return [...right, next]
  })
}

/** What a step does at a place: draft passes, rows verified, and rows that the pass has room for and computes. */
interface Played {
  passes: number
  verified: number
  rows: number
}

/** Tokens per ms. `play`: what is done for the draft that begins here. */
function goodputOf(
  traces: readonly Trace[],
  { stepMs, rowMs, passMs }: StepCosts,
  play: (trace: Trace, start: number, answer: number) => Played,
  judged: (draft: JudgedDraft, answer: number, end: number) => void = () => {},
): number {
  let [tokens, ms] = [0, 0]
  for (const [answer, trace] of traces.entries()) {
    for (let start = 0; start < trace.length; ) {
      const { passes, verified, rows } = play(trace, start, answer)
      let accepted = 0
      while (accepted < verified && trace[start + accepted]?.isAccepted) accepted++
      // Beyond the answer's end nothing is known.
      const depth = Math.min(verified, trace.length - start)
      start += accepted + 1
      tokens += accepted + 1
      ms += stepMs + rows * rowMs + passes * passMs
      judged({ depth, accepted, margins: marginsAt(trace, start - accepted - 1, depth) }, answer, start)
    }
  }
  return tokens / ms
}

/** How sure a draft of `depth` is that begins at a place. */
function marginsAt(trace: Trace, start: number, depth: number): number[] {
  const margins: number[] = []
  for (let place = start; place < trace.length && margins.length < depth; place++) {
    const { margin, isAccepted, behind } = trace[place]!
    margins.push(margin)
    if (isAccepted) continue
    margins.push(...behind.slice(0, depth - margins.length))
    break
  }
  return margins
}

export const fixedGoodput = (traces: readonly Trace[], costs: StepCosts, depth: number): number =>
  goodputOf(traces, costs, () => ({ passes: depth, verified: depth, rows: depth }))

/** What a draft that is cut saves: rows that the target's pass need not compute, draft passes that need not run. */
export interface Saving {
  rows: boolean
  passes: boolean
}

/**
 * Each draft is cut where its survival, by its own margins, falls below the threshold; cutting takes no time. The draft
 * has to be drawn to be found wanting: the first token that is cut costs its pass.
 */
export function cutGoodput(
  traces: readonly Trace[],
  costs: StepCosts,
  { depth, threshold, chanceOf }: { depth: number; threshold: number; chanceOf: (margin: number) => number },
  saving: Saving,
): number {
  return goodputOf(traces, costs, (trace, start) => {
    let survival = 1
    const margins = marginsAt(trace, start, depth)
    const cut = margins.findIndex(margin => {
      survival *= chanceOf(margin)
      return survival < threshold
    })
    const kept = cut < 0 ? depth : cut
    const passes = saving.passes ? Math.min(depth, kept + 1) : depth
    return { passes, verified: saving.rows ? kept : passes, rows: saving.rows ? kept : depth }
  })
}

/** Each draft as deep as the estimates, which begin with nothing, say is best; told of margins or not. */
export function plannedGoodput(traces: readonly Trace[], costs: StepCosts, tellsMargins: boolean): number {
  const estimate = new DrafterEstimate()
  const sequences = traces.map(newSequence)
  return goodputOf(
    traces,
    costs,
    (_, __, answer) => {
      const depth = bestDepth(estimate.survival(sequences[answer]), costs)
      return { passes: depth, verified: depth, rows: depth }
    },
    ({ depth, accepted, margins }, answer, end) => {
      const sequence = sequences[answer]!
      sequence.tokens.length = end
      if (depth === 0) return estimate.skip(sequence)
      estimate.observe(sequence, { depth, accepted, margins: tellsMargins ? margins : undefined })
      if (end >= traces[answer]!.length) estimate.forget(sequence)
    },
  )
}

/** Tokens that cost nothing to the estimates: they only count them. */
const newSequence = (): Sequence =>
  new Sequence(
    {
      prompt: [],
      maxTokens: Number.MAX_SAFE_INTEGER,
      sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 },
      endIds: [],
      speculation: 'auto',
    },
    Number.MAX_SAFE_INTEGER,
  )

function bestDepth(survival: readonly number[], { stepMs, rowMs, passMs }: StepCosts): number {
  let [best, most, tokens] = [0, 1 / stepMs, 1]
  for (let depth = 1; depth <= MAX_DEPTH; depth++) {
    tokens += survival[depth - 1]!
    const goodput = tokens / (stepMs + depth * (rowMs + passMs))
    if (goodput > most) [best, most] = [depth, goodput]
  }
  return best
}

/** How badly the estimates, which begin with nothing, foretell what becomes of the next draft's tokens: nats per token. */
export function logLoss(
  answers: ReadonlyArray<readonly JudgedDraft[]>,
  tellsMargins: boolean,
): { perToken: number; estimate: DrafterEstimate } {
  const estimate = new DrafterEstimate()
  let [loss, count] = [0, 0]
  for (const drafts of answers) {
    const sequence = newSequence()
    for (const { depth, accepted, margins } of drafts) {
      const survival = estimate.survival(sequence)
      for (let i = 0; i < Math.min(depth, accepted + 1); i++) {
        const chance = Math.min(0.9999, survival[i]! / (survival[i - 1] ?? 1))
        loss -= Math.log(i < accepted ? chance : 1 - chance)
        count++
      }
      sequence.tokens.length += accepted + 1
      estimate.observe(sequence, { depth, accepted, margins: tellsMargins ? margins : undefined })
    }
    estimate.forget(sequence)
  }
  return { perToken: loss / count, estimate }
}

/** How often the draft is surer of a token that is accepted than of one that is not; 0.5: it knows nothing. */
export function areaUnderCurve(drafts: readonly JudgedDraft[]): number {
  const [hits, misses]: [number[], number[]] = [[], []]
  for (const { depth, accepted, margins } of drafts) {
    hits.push(...margins.slice(0, accepted))
    if (accepted < depth) misses.push(margins[accepted]!)
  }
  let wins = 0
  for (const miss of misses) for (const hit of hits) wins += hit > miss ? 1 : hit === miss ? 0.5 : 0
  return wins / (hits.length * misses.length)
}
